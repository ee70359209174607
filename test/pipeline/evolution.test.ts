/**
 * Streams whose fields change over an archive: what may change, what may not, and that both layers read old
 * events alike.
 */
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { checkEvolution } from "../../shared/archive/evolution.ts";
import { widens } from "../../shared/archive/widens.ts";
import type { FieldDefinition, StreamDefinition } from "../../shared/definition.ts";
import { verify } from "../../shared/proof/verify.ts";
import { logStream } from "../../shared/store/origin.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { stream } from "../support/view-case.ts";
import { isError, World } from "./world.ts";

const before = stream("events", { g: "VARCHAR", n: "INTEGER", old: "VARCHAR?" });
const fields = (...list: FieldDefinition[]): StreamDefinition => ({ ...before, fields: list });
const g: FieldDefinition = { name: "g", type: "VARCHAR", nullable: false };
const after = fields(
  g,
  { name: "n", type: "BIGINT", nullable: false },
  { name: "note", type: "VARCHAR", nullable: true },
  { name: "seats", type: "INTEGER", nullable: true, default: "1" },
);
const views = { groups: "SELECT g, count(*) AS events, sum(n) AS n FROM events GROUP BY g" };
const newViews = {
  ...views,
  notes: "SELECT note, sum(seats) AS seats, max(n) AS n, last(g) AS g FROM events GROUP BY note",
};

describe("a stream's fields", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open({ stream: before, views });
  });
  afterEach(() => world.close());

  const send = async (...values: string[]) => {
    await world.log.ensure(logStream(before));
    const records = values.map((value, i) => ({ partition: i % 2, key: null, value: Buffer.from(value) }));
    await world.log.append(logStream(before), records);
  };

  /** All of it, in both layers: serves, and verifies against plain SQL. */
  const rows = async (view: string) => {
    const snapshot = (await bestSnapshot(world.store))!;
    const definition = snapshot.manifest.definition.views.find((each) => each.name === view)!;
    const session = await world.session();
    for await (const verdict of verify({ store: world.store, log: world.log, session, snapshot }, [definition]))
      expect(verdict.differences).toEqual([]);
    const read = await session.read(await checkedRows(world.store, snapshot, definition));
    return read.getRowObjectsJson().sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  };

  const follow = async (manifest: Parameters<World["writer"]>[0]) => {
    const writer = await world.writer(manifest, 0);
    await writer.step();
    while ((await writer.step()) > 0);
    await writer.close();
  };

  it("are widened, added and left out, without a change to the files there are", async () => {
    const first = await world.firstVersion();
    // beyond an INTEGER: a dead letter then, and that it stays
    await send('{"g":"a","n":1,"old":"x"}', '{"g":"b","n":3000000000}', '{"g":"a","n":2,"note":"too early"}');
    await follow(first);
    await runArchive(world.batch);
    const files = await world.store.list("archive/events/0");
    await send('{"g":"b","n":4}');

    await world.define(newViews, 1, after);
    const second = await world.runBatch();
    expect(second.proof).toMatchObject({ state: "proved", views: 0 });
    expect(await rows("groups")).toEqual([{ events: "2", g: "a", n: "3" }]);
    await send('{"g":"a","n":3000000000,"note":"new","seats":5}', '{"g":"b","n":6,"seats":null}');
    await follow(second);
    expect(await rows("notes")).toEqual([
      { g: "a", n: "3000000000", note: "new", seats: "5" },
      { g: "b", n: "6", note: null, seats: "4" },
    ]);
    const third = await world.runBatch();
    expect(third.proof).toMatchObject({ state: "proved", views: 2 });
    expect(await rows("notes")).toHaveLength(2);
    for (const file of files) expect(await world.store.list("archive/events/0")).toContain(file);
    expect(third.dead).toBe(1);
  });

  it("gain a default, which older events have, too", async () => {
    const first = await world.firstVersion();
    await send('{"g":"a","n":1}', '{"g":"a","n":2,"old":"x"}');
    await follow(first);
    await runArchive(world.batch);
    const named = { name: "old", type: "VARCHAR", nullable: true, default: "'none'" };
    const olds = { olds: "SELECT old, sum(n) AS n FROM events GROUP BY old" };
    await world.define(olds, 1, fields(g, { name: "n", type: "INTEGER", nullable: false }, named));
    const second = await world.runBatch();
    await send('{"g":"b","n":4}');
    await follow(second);
    expect(await rows("olds")).toEqual([
      { old: "none", n: "5" },
      { old: "x", n: "2" },
    ]);
  });

  it("that can't be read from older events are refused before anything runs, with a plan", async () => {
    await world.firstVersion();
    await send('{"g":"a","n":1}');
    await world.runBatch();
    await world.define(views, 1, fields(g, { name: "n", type: "DECIMAL(9,2)", nullable: false }));
    const error = await world.runBatch().catch((each: unknown) => each);
    expect(isError(error, "CONFIG_STREAM")).toBe(true);
    expect((error as Error).message).toMatch(/^stream "events": the field n changes from INTEGER to DECIMAL\(9,2\)/);
    expect(error).toMatchObject({
      todo: expect.stringContaining('add another field ("n_2": "DECIMAL(9,2)?")') as string,
    });
    expect((await bestSnapshot(world.store))!.manifest.number).toBe(1);
  });

  it("are upcast alike in archive and speed; what no upcast can make an event is a dead letter", async () => {
    const upcast =
      "CASE WHEN event->>'v' = '1' THEN json_merge_patch(event, json_object('n', (event->>'count')::INTEGER)) ELSE event END";
    await world.define(newViews, 1, { ...after, upcast });
    const first = await world.firstVersion();
    await send(
      '{"v":"1","g":"a","count":7}',
      '{"v":"1","g":"a","count":"many"}',
      '{"g":"b","n":2}',
      "{",
      '{"v":"1","g":"a"}',
    );
    await follow(first);
    const snapshot = (await bestSnapshot(world.store))!;
    expect(snapshot.heads[0]!.entries.reduce((sum, entry) => sum + entry.dead, 0)).toBe(3);
    expect(await rows("groups")).toEqual([
      { events: "1", g: "a", n: "7" },
      { events: "1", g: "b", n: "2" },
    ]);
    const second = await world.runBatch();
    expect(second.proof).toMatchObject({ state: "proved", views: 2 });
    expect(second.dead).toBe(3);
  });

  it("an archive that runs on with old fields stops once new ones are published", async () => {
    await world.firstVersion();
    await send('{"g":"a","n":1}', '{"g":"b","n":2}');
    await world.define(newViews, 1, after);
    await world.runBatch();
    await send('{"g":"a","n":3000000001}', '{"g":"b","n":5}');
    await runArchive(world.batch);
    const third = await world.runBatch();
    expect(third.dead).toBe(0);
    expect(await rows("groups")).toEqual([
      { events: "2", g: "a", n: "3000000002" },
      { events: "2", g: "b", n: "7" },
    ]);
  });
});

test.each([
  ["TINYINT", "BIGINT", true],
  ["UINTEGER", "BIGINT", true],
  ["UBIGINT", "BIGINT", false],
  ["INTEGER", "UBIGINT", false],
  ["BIGINT", "INTEGER", false],
  ["BIGINT", "HUGEINT", true],
  ["BIGINT", "DOUBLE", false],
  ["INTEGER", "DOUBLE", true],
  ["FLOAT", "DOUBLE", true],
  ["DOUBLE", "FLOAT", false],
  ["INTEGER", "DECIMAL(12,2)", true],
  ["INTEGER", "DECIMAL(9,2)", false],
  ["DECIMAL(9,2)", "DECIMAL(12,4)", true],
  ["DECIMAL(9,2)", "DECIMAL(9,3)", false],
  ["DATE", "TIMESTAMP", true],
  ["TIMESTAMP", "DATE", false],
  ["INTEGER[]", "BIGINT[]", true],
  ["BIGINT[]", "VARCHAR[]", false],
  ["INTEGER", "VARCHAR", false],
])("from %s to %s: %s", (from, to, wider) => {
  expect(widens(from, to)).toBe(wider);
});

test.each<[string, FieldDefinition[], string | null]>([
  ["a required field", [g, { name: "x", type: "INTEGER", nullable: false }], "the field x is new and required"],
  ["a nullable one", [g, { name: "x", type: "INTEGER", nullable: true }], null],
  [
    "a field that becomes required",
    [{ ...g }, { name: "old", type: "VARCHAR", nullable: false }],
    "the field old becomes required",
  ],
  ["a field that becomes nullable", [{ ...g, nullable: true }], null],
])("%s", (_what, now, problem) => {
  const check = () => checkEvolution(fields(...now), before, "here");
  if (problem === null) check();
  else expect(check).toThrow(problem);
});
