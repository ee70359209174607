/** `load --server`: the same rules and words as into the log. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseCommand } from "../../cli/command-line.ts";
import { createContext } from "../../cli/context.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { run } from "../../cli/verbs/load.ts";
import { World } from "../pipeline/world.ts";
import { configText, folder } from "../project/project-folder.ts";
import { openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";

it("reports invalid rows by line, appends them as dead letters with --accept-dead, and nothing with --check", async () => {
  const fields = { id: "BIGINT", name: "VARCHAR?" };
  const world = await World.open({
    stream: { ...stream("s", fields), partitions: 1 },
    views: { n: "SELECT count(*) AS n FROM s" },
  });
  await world.firstVersion();
  const api = await openApi(world);
  try {
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const config = { name: "p", streams: { s: { fields, partitions: 1 } } };
    const dir = folder({
      "tidemark.config.js": configText(config),
      "a.csv": 'id,name\n1,a\n2,b,c\nx,d\n3,"e"\n',
    });
    const { writeFileSync } = await import("node:fs");
    writeFileSync(
      join(dir, "b.ndjson"),
      Buffer.concat([Buffer.from('   \n{"id":4}\n'), Buffer.from('{"name":"\xe9"}\n', "latin1")]),
    );
    const load = async (...args: string[]) => {
      const understood = parseCommand([
        "load",
        "s",
        join(dir, "a.csv"),
        join(dir, "b.ndjson"),
        "--project",
        dir,
        ...args,
        "--server",
        url,
      ]);
      if (!("invocation" in understood)) throw new Error("not understood");
      const said: string[] = [];
      const context = {
        ...createContext(understood.invocation.options, {}, new AbortController().signal),
        progress: false,
      };
      const say = (line: string) => said.push(line.replaceAll(`${dir}/`, ""));
      const out = () => Promise.resolve();
      const code = await run({ ...context, say, out }, understood.invocation.args as VerbArgs["load"]);
      return { code, said };
    };
    const end = async () => (await world.log.end({ name: "s", topic: "s", existing: true, partitions: 1 }))[0];
    const rejected = [
      "a.csv:3: 3 columns, where the header has 2",
      expect.stringMatching(/^a.csv:4: id: .* is not a BIGINT$/),
      "b.ndjson:3: invalid UTF-8",
    ];
    expect(await load("--check")).toEqual({
      code: 1,
      said: [...rejected, "3 events would be appended to s, 3 rejected"],
    });
    expect(await end()).toBe(0);
    expect(await load("--request-id", "r")).toEqual({
      code: 1,
      said: [...rejected, "3 events appended to s, 3 rejected"],
    });
    expect(await end()).toBe(3);
    expect(await load("--accept-dead")).toEqual({
      code: 0,
      said: [...rejected, "3 events appended to s, and 3 dead letters"],
    });
    expect(await end()).toBe(9);
  } finally {
    await api.close();
    await world.close();
  }
});
