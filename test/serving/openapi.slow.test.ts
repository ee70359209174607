/**
 * A public fuzzer reads our own description of the API, and holds the running server to it: schemathesis, with
 * all its checks.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { queryLimits } from "../../serving/sql/queries.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { pythonBin } from "../support/python.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { openApi } from "./api.ts";

const bin = pythonBin();

/** What a schema can't say: which columns a view has, what is SQL, what is an event, which positions there are. */
const config = (seed: number) => `
seed = ${seed}
[parameters]
"path.view" = "groups"
"path.stream" = "events"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "403", "404", "406", "415", "422", "504"]
[phases.fuzzing]
enabled = true
`;

it.skipIf(!bin)("holds to its OpenAPI description", { timeout: 300_000 }, async () => {
  const [examples, seed] = [Number(process.env.N || (isFull ? 40 : 15)), Number(process.env.SEED || 1)];
  const world = await World.open({
    stream: { ...stream("events", { g: "VARCHAR", x: "BIGINT?", at: "TIMESTAMP?" }), partitions: 2 },
    views: { groups: 'SELECT g, count(*) AS n, avg(x) AS mean, max("at") AS last FROM events GROUP BY g' },
  });
  await world.firstVersion();
  await world.append([{ partition: 0, value: '{"g":"a","x":1,"at":"2026-01-01 00:00:00"}', valid: true }]);
  await world.runBatch();
  const writer = await world.writer((await newestVersion(world.store))!, 0);
  await world.append([{ partition: 1, value: '{"g":"b","x":2}', valid: true }]);
  await catchUp(world, writer);
  const said: string[] = [];
  const api = await openApi(world, {
    waitMsMax: 20,
    say: (line) => said.push(line),
    limits: { ...queryLimits, secondsMax: 2 },
  });
  const folder = mkdtempSync(join(tmpdir(), "tidemark-openapi-"));
  try {
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    writeFileSync(join(folder, "schemathesis.toml"), config(seed));
    const args = [
      "run",
      `${url}/openapi.json`,
      "--max-examples",
      String(examples),
      "--no-color",
      "--request-timeout",
      "20",
      "--phases",
      "examples,coverage,fuzzing",
      "--exclude-path-regex",
      "/changes$",
    ];
    const { code, out } = await new Promise<{ code: number; out: string }>((resolve) => {
      execFile(join(bin!, "schemathesis"), args, { cwd: folder, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, out: stdout + stderr }),
      );
    });
    const summary = /API Operations:[\s\S]*$/.exec(out)?.[0] ?? out;
    process.stdout.write(`schemathesis: SEED=${seed}, ${/\d+ generated.*/.exec(out)?.[0] ?? "nothing"}\n`);
    expect(code, out.slice(-6000)).toBe(0);
    expect(summary).toMatch(/Tested: 1[0-9]/);
    expect(said).toEqual([]);
    expect((await api.app.inject("/v1/views/groups")).statusCode).toBe(200);
  } finally {
    rmSync(folder, { recursive: true });
    await api.close();
    await writer.close();
    await world.close();
  }
});
