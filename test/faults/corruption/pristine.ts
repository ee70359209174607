/**
 * The data folder that is damaged: a pipeline with two shards that has been through everything that leaves
 * files. Two versions, a delta recomputed after a rejection, a rejection not handled yet, dead letters,
 * reference tables, an archive that reaches beyond the delta, a log trimmed below it, a rebuild that was
 * killed.
 */
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runArchive } from "../../../batch/archive-streams.ts";
import { rebuild } from "../../../batch/rebuild.ts";
import { EmbeddedLog } from "../../../shared/log/embedded.ts";
import { furthest, offsetAt, type Position, positionOf } from "../../../shared/position.ts";
import { layout, type VersionManifest } from "../../../shared/store/layout.ts";
import { ensureOrigin, logStream } from "../../../shared/store/origin.ts";
import { reject } from "../../../shared/store/rejections.ts";
import { seal } from "../../../shared/store/sealed.ts";
import { newestHead, snapshotOf } from "../../../shared/store/versions.ts";
import { catchUp, World } from "../../pipeline/world.ts";
import { stream } from "../../support/view-case.ts";
import { randomOf } from "../fault.ts";

const events = stream("events", {
  g: "VARCHAR",
  x: "INTEGER",
  d: "DECIMAL(18,3)?",
  ts: "TIMESTAMP?",
  text: "VARCHAR?",
});
/** Never read: there is a second origin, so that one can be taken for the other. */
const other = stream("other", { x: "INTEGER" });

const views = {
  total: "SELECT count(*) AS n, min(x) AS lo, avg(d) AS d, last(x) AS x, median(x) AS m FROM events",
  labelled:
    "SELECT l.label, count(*) AS n, sum(x * p.price) AS x FROM events e LEFT JOIN labels l ON e.g = l.g LEFT JOIN prices p ON e.g = p.g GROUP BY l.label",
  whole: "SELECT x, g, d, ts, text, count(*) AS n FROM events GROUP BY ALL",
};

const references = {
  labels: "g,label\ng0,zero\ng1,one\ng2,two\ng3,three\n",
  prices: "g,price\ng0,3\ng1,5\ng2,7\ng4,11\n",
};

const malformed = ["{", '{"g":"g1"}', '{"g":"g1","x":"12"}', '{"g":1,"x":1}', "[]", '{"g":"g1","x":1.5}'];

export interface Pristine {
  readonly world: World;
  /** What a HEAD or PROGRESS was before it was replaced, oldest first, by name. */
  readonly older: ReadonlyMap<string, readonly Buffer[]>;
  /** Positions of the past that are asked for. */
  readonly past: readonly Position[];
}

export async function pristine(seed: number): Promise<Pristine> {
  const world = await World.open({
    stream: events,
    views,
    references,
    shards: 2,
    log: (data, now) => new EmbeddedLog(join(data, "log"), { now }),
  });
  const random = randomOf(seed);
  const older = new Map<string, Buffer[]>();
  const keep = (name: string) => {
    const bytes = readFileSync(world.folder.path(name));
    const kept = older.get(name) ?? [];
    if (!kept.at(-1)?.equals(bytes)) older.set(name, [...kept, bytes]);
  };
  let sent = 0;
  const some = async (count: number) => {
    world.now += 1000;
    const records = Array.from({ length: count }, () => {
      const partition = sent++ % 2;
      if (random() < 0.08)
        return { partition, value: malformed[Math.floor(random() * malformed.length)]!, valid: false };
      const event = {
        g: `g${Math.floor(random() * 5)}`,
        x: sent,
        d: random() < 0.2 ? null : Number((random() * 1000).toFixed(3)),
        ts: new Date(Date.UTC(2026, 0, 1 + Math.floor(random() * 60))).toISOString().slice(0, 19).replace("T", " "),
        text: `text ${Math.floor(random() * 1e9).toString(36)}`,
      };
      return { partition, value: JSON.stringify(event), valid: true };
    });
    await world.append(records);
  };
  /** Each time events are appended, and both shards commit an entry for them. */
  const committed = async (version: VersionManifest, times: number) => {
    const writers = [await world.writer(version, 0), await world.writer(version, 1)];
    for (let i = 0; i < times; i++) {
      await some(16);
      for (const writer of writers) {
        await catchUp(world, writer);
        keep(layout.head(version.number, writer.generation.shard, writer.generation.number));
      }
    }
    for (const writer of writers) await writer.close();
  };

  const zero = await world.firstVersion();
  await ensureOrigin(world.store, world.log, [other]);
  await some(40);
  await committed(zero, 2);
  // the cut will lie within a segment
  await some(10);
  await runArchive(world.batch);
  const one = await world.runBatch();
  await committed(one, 3);
  for (const shard of [0, 1]) await forge(world, one, shard, 1);
  await committed(one, 2);
  // what is good may be rejected, too: the next writer recomputes it from there
  const head = (await newestHead(world.store, 1, 1))!;
  await reject(world.store, { version: 1, shard: 1, from: head.entries[1]!.from, view: "total", why: "a rejection" });
  await some(30);
  await runArchive(world.batch);
  await some(30);
  const { log } = world;
  await log.trim(logStream(events), new Map([[0, 9], [1, 13]])); // biome-ignore format: pairs

  let steps = 0;
  const killed = async () => {
    const [id] = await world.store.list(layout.rebuilds);
    keep(layout.rebuildProgress(id!, 1));
    if (++steps === 4) throw new Error("killed");
  };
  const options = {
    batch: world.batch,
    views: [],
    fullSpeed: false,
    perStep: 30,
    sleep: killed,
    onStep: () => undefined,
  };
  await rebuild(options).catch((error: unknown) => {
    if (!(error instanceof Error) || error.message !== "killed") throw error;
  });

  // there is little to compute from here on, many times over
  await world.oracle.run("SET threads = 1");
  const { position } = await snapshotOf(world.store, one);
  const entries = (await newestHead(world.store, 1, 0))!.entries;
  return {
    world,
    older,
    past: [
      furthest(one.cut, entries[2]!.upto),
      moved(position, -1),
      moved(one.cut, -3),
      zero.cut,
      moved(zero.cut, 21),
      world.end,
    ],
  };
}

function moved(position: Position, by: number): Position {
  return positionOf(
    [0, 1].map((partition) => {
      return { stream: "events", partition, offset: offsetAt(position, "events", partition)! + by };
    }),
  );
}

/**
 * As if speed had computed a wrong entry, with a good hash, and a proof had found it: the next writer recomputes it
 * again.
 */
async function forge(world: World, version: VersionManifest, shard: number, index: number): Promise<void> {
  const { store } = world;
  const head = (await newestHead(store, version.number, shard))!;
  const entry = head.entries[index]!;
  const scratch = store.scratch("forged");
  copyFileSync(world.folder.path(head.entries[index + 1]!.views.total!.file!.name), scratch);
  const folder = layout.generation(version.number, shard, head.generation);
  const file = await store.publish(scratch, `${folder}/forged.parquet`, { durable: false });
  const wrong = { ...entry, views: { ...entry.views, total: { ...entry.views.total!, file } } };
  const forged = { ...head, entries: head.entries.with(index, wrong) };
  await store.replace(layout.head(version.number, shard, head.generation), seal(forged));
  await reject(store, { version: version.number, shard, from: entry.from, view: "total", why: "the entry is wrong" });
}
