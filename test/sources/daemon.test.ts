/** The role as it runs: what is sent to a changelog comes into its views, and a second one stands by. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runBatch } from "../../batch/run.ts";
import { SentChanges } from "../../ingest/sent-changes.ts";
import type { ChangelogStream } from "../../shared/definition.ts";
import { partitionOf } from "../../shared/log/partitioner.ts";
import { parsePosition } from "../../shared/position.ts";
import { recordFields } from "../../shared/project/changelogs.ts";
import { inputOf } from "../../shared/reserved.ts";
import { SourcePositions, sourcePlaceOf } from "../../shared/source-progress.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { logStream } from "../../shared/store/origin.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { runSources } from "../../sources/daemon.ts";
import { World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";

const customers: ChangelogStream = {
  ...stream("customers", {}),
  fields: recordFields("STRUCT(id BIGINT, city VARCHAR)"),
  partitions: 2,
  changelog: { key: ["id"], row: stream("", { id: "BIGINT", city: "VARCHAR?" }).fields },
};

let world: World;
let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "tidemark-sources-"));
  world = await World.open({
    stream: customers,
    views: { cities: "SELECT city, count(*) AS n FROM customers GROUP BY city" },
  });
});
afterEach(async () => {
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

async function send(...sent: readonly object[]): Promise<void> {
  const changes = new SentChanges(await world.session(), customers);
  const input = logStream(inputOf("shop", customers, 2));
  await world.log.ensure(input);
  for (const each of await changes.read(sent.map((one) => Buffer.from(JSON.stringify(one))))) {
    if ("reason" in each) throw new Error(each.reason);
    const key = Buffer.from((JSON.parse(each.value.toString()) as { key: string }).key);
    await world.log.append(input, [{ partition: partitionOf(key, 2), key, value: each.value }]);
  }
}

const ended = async () => (await world.log.end(logStream(customers))).reduce((sum, end) => sum + end, 0);

function start(said: string[]): { readonly stop: () => Promise<void> } {
  const stop = new AbortController();
  const { store, log } = world;
  const say = (line: string) => said.push(line);
  const folder = join(dir, "sources");
  const options = { store, log, project: "shop", sources: [], folder, memoryLimit: "1GB", now: () => world.now, say };
  const running = runSources({ ...options, signal: stop.signal });
  return {
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

it("says from which position on what was sent is there", async () => {
  await world.firstVersion();
  const running = start([]);
  const positions = new SourcePositions(world.log, "shop");
  const signal = AbortSignal.timeout(15_000);
  for (let n = 1; n <= 5; n++) {
    await send({ id: n, city: "Bern" });
    const input = logStream(inputOf("shop", customers, 2));
    const ends = await world.log.end(input);
    const { name, covers } = sourcePlaceOf(`${input.name}@${ends.map((end, p) => `${p}:${end}`).join(",")}`)!;
    const position = parsePosition((await positions.positionOf(name, covers, 15_000, signal))!, {
      customers: { 0: 0, 1: 0 },
    });
    const own = await world.log.end(logStream(customers));
    expect(own.reduce((sum, end) => sum + end, 0)).toBe(n);
    expect(Object.values(position.customers!).reduce((sum, end) => sum + end, 0)).toBe(n);
    expect(covers(ends.map((end) => end - 1))).toBe(false);
  }
  expect(await positions.positionOf("customers", () => false, 150, signal)).toBeNull();
  await running.stop();
});

it("forgets what was said of streams that are gone", async () => {
  await world.firstVersion();
  const before = new Incidents(world.store, "sources", () => world.now);
  await before.raise("source-stopped", "gone", { code: "SOURCE_TABLE", message: "there is no such table" });
  await before.raise("source-differs", "customers", { code: "SOURCE_TABLE", message: "one row" });
  const running = start([]);
  await until(async () => (await incidentsIn(world.store)).length === 1);
  expect(await incidentsIn(world.store)).toMatchObject([{ subject: "customers" }]);
  await running.stop();
});

it.each<[string, string | readonly number[], boolean]>([
  ["shop@0/1A2B", "0/1A2B", true],
  ["shop@0/1a2b", "0/1A2A", false],
  ["shop@1/0", "0/FFFFFFFF", false],
  ["shop@1/0", "2/0", true],
  ["shop@0/1A2B", [7], false],
  ["__input_rows@0:3,2:1", [3, 0, 1], true],
  ["__input_rows@0:3,2:1", [3, 9], false],
  ["__input_rows@0:3", "0/FF", false],
])("%s and %s", (text, at, covered) => {
  const place = sourcePlaceOf(text)!;
  expect([place.name, place.covers(at)]).toEqual([text.startsWith("shop") ? "shop" : "rows", covered]);
});

it("takes a stream's position for what it is", () => {
  expect(sourcePlaceOf("orders@0:1,1:2")).toBeNull();
  expect(() => sourcePlaceOf("__control_shop@x")).toThrow("is none of a stream or a source");
});

it("makes records of what is sent, and goes on where it was", async () => {
  await world.firstVersion();
  await send({ id: 1, city: "Bern" }, { id: 2, city: "Bern" }, { op: "patch", row: { id: 1, city: "Oslo" } });
  const said: string[] = [];
  const first = start(said);
  await until(async () => (await ended()) === 3);
  const second = start(said);
  await until(() => said.some((line) => line.includes("standing by")));
  await first.stop();
  await send(
    { op: "delete", row: { id: 2 } },
    { op: "delete", row: { id: 2 } },
    { op: "patch", row: { id: 3, city: "X" } },
  );
  await until(async () => (await ended()) === 4);
  await second.stop();
  await runBatch(world.batch, "full");
  const snapshot = (await bestSnapshot(world.store))!;
  const view = snapshot.manifest.definition.views[0]!;
  const rows = await (await world.session()).rows(await checkedRows(world.store, snapshot, view));
  expect(rows).toEqual([{ city: "Oslo", n: 1n }]);
});
