/** Where the log no longer reaches back to a writer's position, the archive does: its events become an entry, too. */
import { archivedIn } from "../shared/archive/stretch.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { offsetAt, type Place, type Position, places, positionOf, rangesBetween } from "../shared/position.ts";
import type { Entry, ViewFailure, ViewFile } from "../shared/store/layout.ts";
import { logStream } from "../shared/store/origin.ts";
import { failedView } from "../shared/store/partials.ts";
import type { Folder } from "./fold.ts";
import type { Generation } from "./generation.ts";

export interface CatchUp {
  readonly log: Log;
  readonly history: History;
  readonly session: Session;
  readonly generation: Generation;
  readonly folder: Folder;
  /** Views that have failed before. */
  readonly failed: ReadonlyMap<string, ViewFailure>;
}

/**
 * @param owned the partitions of the stream that are the writer's
 * @returns an entry from `position` on; null where the log reaches back to it
 */
export async function entryFromArchive(
  on: CatchUp,
  position: Position,
  stream: StreamDefinition,
  owned: readonly number[],
): Promise<Entry | null> {
  const first = await on.log.first(logStream(stream));
  const reached: Place[] = [];
  for (const partition of owned) {
    // a partition that was added begins at 0
    const at = offsetAt(position, stream.name, partition) ?? 0;
    if ((first[partition] ?? 0) <= at) continue;
    const offset = await on.history.records.archivedTo(stream.name, partition);
    if (offset > at) reached.push({ stream: stream.name, partition, offset });
  }
  if (reached.length === 0) return null;
  const upto = positionOf([...places(position), ...reached]);
  return foldArchived(on, stream, position, upto);
}

async function foldArchived(
  { history, session, generation, folder, failed }: CatchUp,
  stream: StreamDefinition,
  from: Position,
  upto: Position,
): Promise<Entry> {
  const ranges = rangesBetween(from, upto);
  const { definition } = generation.manifest;
  const inputsOf = history.inputs(session, definition, ranges);
  const { sequence, nameOf } = generation.nextNames();
  const views: Record<string, ViewFile> = {};
  for (const view of definition.views) {
    const failure = failed.get(view.name);
    if (failure) views[view.name] = { file: null, rows: 0, failed: failure };
    else if (!view.streams.includes(stream.name)) views[view.name] = { file: null, rows: 0 };
    else {
      views[view.name] = await folder
        .foldInputs(view, await inputsOf(view), nameOf(view.name))
        .catch((error: unknown) => failedView(error, null));
    }
  }
  const { counts, dead, latest } = await archivedIn(history.records, session, stream, ranges);
  const deadFile = await folder.writeDead(dead, nameOf(""));
  return { sequence, from, upto, ...counts, latest, deadFile, views, states: {}, level: 1 };
}
