/**
 * Dead letters that come too often are an incident, reported by the writer from the log alone, and over once the
 * newest records are well.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { logStream } from "../../shared/store/origin.ts";
import { DeadRate } from "../../speed/dead-rate.ts";
import { ShardWatch } from "../../speed/watch.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

let world: World;
let incidents: Incidents;
beforeEach(async () => {
  world = await World.open({
    stream: { ...stream("events", { x: "INTEGER" }), partitions: 2 },
    views: { total: "SELECT count(*) AS n, sum(x) AS s FROM events" },
  });
  incidents = new Incidents(world.store, "speed-0", () => world.now);
});
afterEach(() => world.close());

const good = { partition: 0, key: null, value: Buffer.from('{"x":1}') };
const bad = { partition: 1, key: null, value: Buffer.from('{"x":"ann@example.org"}') };
const many = <T>(n: number, each: T) => Array.from({ length: n }, () => each);

it("is reported with its place and its views, without values, and cleared by the current writer", async () => {
  const version = await world.firstVersion();
  let writer = await world.writer(version, 0);
  const watch = () => new ShardWatch({ ...world, incidents, shard: 0, now: () => world.now, say: world.say });
  let watching = watch();
  const append = async (records: Parameters<World["log"]["append"]>[1]) => {
    await world.log.append(logStream(world.stream), records);
    for (let left = records.length; left > 0; ) left -= await writer.step();
    await watching.poll(writer, null);
    return (await incidentsIn(world.store)).map(({ kind, subject }) => `${kind} ${subject}`);
  };
  expect(await append([...many(500, good), ...many(9, bad)])).toEqual([]);
  expect(await append([bad])).toEqual(["dead-letters events"]);
  const [incident] = await incidentsIn(world.store);
  expect(incident).toMatchObject({ code: "DEAD_LETTERS", streams: ["events"], views: ["total"] });
  expect(incident!.message).toContain("partition 1 offset 0: x: ");
  expect(incident!.message).not.toContain("example.org");
  // another process writes on: it has seen nothing of what was before, and takes nothing back until it has seen enough
  await writer.close();
  incidents = new Incidents(world.store, "speed-0", () => world.now);
  [writer, watching] = [await world.writer(version, 0), watch()];
  expect(await append(many(999, good))).toEqual(["dead-letters events"]);
  expect(await append([good])).toEqual([]);
  await writer.close();
});

describe("many", () => {
  const dead = (n: number) => many(n, { stream: "events", partition: 0, offset: 7, reason: "x: not an INTEGER" });
  it.each([
    ["all of the first ten", [[10, 10]], true],
    ["nine, though they are all", [[9, 9]], false],
    ["one of a hundred", many(10, [100, 1]), false],
    ["more than one of a hundred", [...many(9, [100, 1]), [100, 2]], true],
    ["one in each of many small batches", many(40, [20, 1]), true],
    [
      "many, and then a thousand that are well",
      [
        [50, 50],
        [1000, 0],
      ],
      false,
    ],
    [
      "many, and then fewer than a thousand that are well",
      [
        [50, 50],
        [999, 0],
      ],
      true,
    ],
    [
      "a batch of which a part is dead, and one that is well and large",
      [
        [100_000, 5000],
        [10_000, 0],
      ],
      false,
    ],
  ] as [string, [number, number][], boolean][])("%s", async (_, batches, isReported) => {
    const rate = new DeadRate(incidents);
    for (const [records, n] of batches) await rate.note("events", { records, dead: dead(n) }, []);
    expect((await incidentsIn(world.store)).map(({ kind }) => kind)).toEqual(isReported ? ["dead-letters"] : []);
  });
});
