/**
 * A state opened at a position: from the archive, then from what entries carry, then by folding what is left of
 * the log.
 */
import type { Records } from "../archive/records.ts";
import { Decoder } from "../decode/decode.ts";
import type { StreamDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import { isCode } from "../errors.ts";
import { offsetAt, type Range } from "../position.ts";
import type { Entry, Segment } from "../store/layout.ts";
import type { CarriedState, State, StateKind } from "./state.ts";

/** Where a state is opened from. */
export interface StateSource {
  readonly records: Records;
  readonly session: Session;
  readonly stream: StreamDefinition;
}

export interface StatePlace {
  readonly partition: number;
  readonly offset: number;
}

/**
 * The state of a stream at these places. The caller closes it.
 * @param entries a chain of a delta that ends there: what it carries is not read from the log again
 * @throws STORE_CORRUPT, STORE_GAP; LOG_RANGE where neither archive nor log has an offset any more
 */
export async function openState<S extends State<C, R>, C extends CarriedState, R extends object>(
  kind: StateKind<S, C, R>,
  source: StateSource,
  at: readonly StatePlace[],
  entries: readonly Entry[] = [],
): Promise<S> {
  const { records, session, stream } = source;
  const state = kind.empty(stream, records.store.scratch(kind.name));
  /** How far the archive of each partition reached when it was read. */
  const reached = new Map<number, number>();
  try {
    for (const { partition, offset } of at) {
      const segments = await records.segments(stream.name, partition);
      const rowsOf = async (segment: Segment) => {
        await records.check(stream, [segment]);
        return records.rowsOf(segment);
      };
      await kind.recall(state, { session, stream, partition, segments, rowsOf }, offset);
      const archived = segments.at(-1)?.upto ?? records.originAt(stream.name, partition);
      reached.set(partition, archived);
      const rest = { stream: stream.name, partition, from: archived, upto: offset };
      const from = passEntries(kind, state, rest, entries);
      if (from < offset) await foldLog(kind, state, source, { ...rest, from });
    }
    return state;
  } catch (error) {
    await state.close();
    // trimmed since the archive was read: then that reaches further by now
    const now = { ...source, records: records.over(null) };
    if (isCode(error, "LOG_RANGE") && (await hasMoved(now, reached))) return openState(kind, now, at, entries);
    throw error;
  }
}

/**
 * @returns where the log has to be read from: where the archive ends, or the first entry begins that carries
 *   too little
 */
function passEntries<S extends State<C, R>, C extends CarriedState, R extends object>(
  kind: StateKind<S, C, R>,
  state: S,
  { stream, partition, from: archived }: Range,
  entries: readonly Entry[],
): number {
  let at = archived;
  for (const { from, upto, states } of entries) {
    const end = offsetAt(upto, stream, partition) ?? at;
    if (end <= at) continue;
    // the archive may end below the cut: no entry covers what lies between
    if ((offsetAt(from, stream, partition) ?? at) > at) return at;
    const carried = states?.[kind.name]?.[stream] as readonly C[] | undefined;
    const own = carried?.find((each) => each.partition === partition);
    if (!own || !state.pass(own)) return at;
    at = end;
  }
  return at;
}

async function foldLog<S extends State<C, R>, C extends CarriedState, R extends object>(
  kind: StateKind<S, C, R>,
  state: S,
  { records, session, stream }: StateSource,
  range: Range,
): Promise<void> {
  const decoder = kind.needsRows(stream) ? new Decoder(session, stream) : null;
  await records.readLog(stream, range, async (batches) => {
    const decoded = (await decoder?.decode(batches)) ?? null;
    await state.fold(batches, decoded);
    await decoded?.close();
  });
}

async function hasMoved({ records, stream }: StateSource, reached: ReadonlyMap<number, number>): Promise<boolean> {
  for (const [partition, before] of reached)
    if ((await records.archivedTo(stream.name, partition)) > before) return true;
  return false;
}
