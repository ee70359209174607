/** Removes what a new version makes unnecessary: old versions, and archived records past the log's retention. */
import type { Archive } from "../shared/archive/archive.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { messageOf } from "../shared/errors.ts";
import { nearest, ofStreams, type Position, places } from "../shared/position.ts";
import { layout, type VersionManifest } from "../shared/store/layout.ts";
import { logStream } from "../shared/store/origin.ts";
import type { Batch } from "./batch.ts";
import { clean } from "./clean.ts";
import type { RunPlan } from "./plan.ts";

/** The version stays published when this fails: the failure is reported, and the next run tries again. */
export async function trim(
  batch: Batch,
  archive: Archive,
  { number, definition }: VersionManifest,
  plan: NonNullable<RunPlan["trim"]>,
): Promise<void> {
  try {
    await clean(batch.store, batch.keepVersions);
    for (const stream of definition.streams) {
      const upto = ofStreams(plan.upto, [stream.name]);
      if (places(upto).length > 0) await trimStream(batch, archive, stream, { ...plan, upto });
    }
  } catch (error) {
    batch.say(`version ${number} is published, but cleaning up FAILED: ${messageOf(error)}`);
  }
}

async function trimStream(
  { store, log }: Batch,
  archive: Archive,
  stream: StreamDefinition,
  { upto, before }: { readonly upto: Position; readonly before: number },
): Promise<void> {
  const archived = archive.uptoIn(upto);
  // another run may have archived it and not synced its names yet
  for (const { partition } of places(archived)) await store.settle(layout.segments(stream.name, partition));
  const below = new Map<number, number>();
  for (const { partition, offset } of places(nearest(archived, upto)))
    below.set(partition, Math.min(offset, archive.uptoBefore(stream.name, partition, before)));
  await log.trim(logStream(stream), below);
}
