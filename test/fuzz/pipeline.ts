/**
 * Views through the whole pipeline: a log, a speed writer for each shard that others take over from, batches
 * under them, and the snapshot that serving would choose, compared with plain DuckDB at its position.
 */
import type { StreamDefinition } from "../../shared/definition.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import type { Records } from "./events.ts";
import { randomReferences } from "./reference.ts";

/** @param dead places of records that are no events, as "partition:offset" @throws where an answer differs */
export async function throughPipeline(
  random: () => number,
  stream: StreamDefinition,
  views: readonly string[],
  records: Records,
  dead: ReadonlySet<string>,
): Promise<void> {
  const int = (below: number) => Math.floor(random() * below);
  const shards = 1 + int(Math.min(2, records.length));
  const world = await World.open({
    stream: { ...stream, partitions: records.length },
    views: Object.fromEntries(views.map((sql, at) => [`v${at}`, sql])),
    shards,
    references: randomReferences,
  });
  let writers: DeltaWriter[] = [];
  const begin = async (version: VersionManifest) => {
    for (const writer of writers) await writer.close();
    writers = [];
    for (let shard = 0; shard < shards; shard++) writers.push(await world.writer(version, shard));
  };
  try {
    let version = await world.firstVersion();
    await begin(version);
    const sent = records.map(() => 0);
    const total = records.reduce((sum, list) => sum + list.length, 0);
    for (let count = 0; count < total; ) {
      const size = 1 + int(12);
      for (let i = 0; i < size && count < total; count++, i++) {
        const left = [...records.keys()].filter((partition) => sent[partition]! < records[partition]!.length);
        const partition = left[int(left.length)]!;
        const offset = sent[partition]!++;
        const valid = !dead.has(`${partition}:${offset}`);
        await world.append([{ partition, value: records[partition]![offset]!, valid }]);
      }
      const kind = random();
      if (kind < 0.6) await writers[int(writers.length)]!.step();
      else if (kind < 0.8) await begin(version);
      else {
        version = await world.runBatch();
        await begin(version);
      }
      if (random() < 0.3) await world.expectExact((await bestSnapshot(world.store))!);
    }
    for (const writer of writers) await catchUp(world, writer);
    await world.expectExact((await bestSnapshot(world.store))!);
    await world.runBatch();
    await world.expectExact((await bestSnapshot(world.store))!);
  } finally {
    for (const writer of writers) await writer.close();
    await world.close();
  }
}
