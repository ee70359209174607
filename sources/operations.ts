/** What the command line asks of a source: what could be followed of it, how far it is, whether that is right. */
import type { ChangelogStream, TableOrigin } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { pause } from "../shared/pause.ts";
import type { SourceSection } from "../shared/project/sources.ts";
import { SourcePositions } from "../shared/source-progress.ts";
import { Control, type Verified } from "./control.ts";
import { countLetters } from "./letters.ts";
import { inspect } from "./postgres/inspect.ts";
import { lsnOf, lsnText } from "./postgres/lsn.ts";
import { PostgresSource } from "./postgres/source.ts";
import type { SourceTable } from "./postgres/tables.ts";
import { connectTo } from "./postgres/target.ts";
import type { PostgresState } from "./postgres-follower.ts";
import { type LocatedVerdict, type VerifyTableOptions, verifyTable } from "./verify-table.ts";

/** Lines of a configuration's `streams`. */
export async function inspectSource({ name, postgres }: SourceSection): Promise<string> {
  const query = await connectTo({ source: name, url: postgres.url() });
  try {
    return await inspect(query, [postgres.publication]);
  } finally {
    await query.close();
  }
}

export interface SourceStatus {
  readonly source: string;
  /** LSN up to which the log has everything; null: it was never followed. */
  readonly reached: string | null;
  /** Null: the server can't be asked. */
  readonly serverEnd: string | null;
  /** WAL that the slot keeps; null: there is no slot. */
  readonly keptBytes: number | null;
  /** Streams to be read again. */
  readonly pending: readonly string[];
  readonly troubles: readonly string[];
  /** When all of it was compared with its tables by the schedule, last; null: it was not yet. */
  readonly verified: Verified | null;
  /** What was committed to its outbox and is no event; null: it has no outbox. */
  readonly letters: number | null;
  /** Why the server can't be asked; null: it can. */
  readonly unreachable: string | null;
}

export async function sourceStatus(
  log: Log,
  project: string,
  { name, postgres }: SourceSection,
  troubles: readonly string[],
): Promise<SourceStatus> {
  const control = await Control.open<PostgresState>(log, project, name);
  const known = {
    source: name,
    reached: typeof control.at === "string" ? control.at : null,
    pending: [...new Set([...(control.state?.pending ?? []), ...control.asked])],
    troubles,
    verified: control.verified,
    letters: postgres.outbox ? await countLetters(log, project, name) : null,
  };
  try {
    const source = await PostgresSource.open({ ...sourceOptions(name, postgres, []), now: Date.now });
    const { server, slot } = source.evidence;
    await source.close();
    return { ...known, serverEnd: server.endLsn, keptBytes: slot?.keptBytes ?? null, unreachable: null };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { ...known, serverEnd: null, keptBytes: null, unreachable: error.line };
  }
}

/** How long it may take until the source is followed to an LSN, where nothing else is said. */
const defaultPatienceMs = 60_000;
const retryMs = 500;

export interface VerifySourceOptions extends VerifyTableOptions {
  readonly project: string;
  /** How long it may take until the source is followed to an LSN; left out: a minute. */
  readonly patienceMs?: number;
}

/** @throws DATABASE_UNREACHABLE; DATABASE_FAILED where nothing follows the source */
export async function* verifySource(
  options: VerifySourceOptions,
  { name, postgres }: SourceSection,
  streams: readonly ChangelogStream[],
): AsyncGenerator<LocatedVerdict> {
  const { log, project, now, signal, patienceMs = defaultPatienceMs } = options;
  const tables = streams.map(({ changelog: { row, key, from } }) => ({ table: (from as TableOrigin).table, row, key }));
  const source = await PostgresSource.open({ ...sourceOptions(name, postgres, tables), now });
  const until = now() + patienceMs;
  // a snapshot may wait for long
  const stop = () => void source.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (let left = [...streams]; left.length > 0 && !signal.aborted; ) {
      // a snapshot costs the server something
      while ((await readStreams(log, project, name, left)).read.length === 0) {
        if (now() > until) throw notFollowed(name, `with ${left.map((each) => each.name).join(", ")} read`, patienceMs);
        await pause(retryMs, signal);
        signal.throwIfAborted();
      }
      const snapshot = await source.snapshot("beside", { waitMsMax: patienceMs });
      try {
        const lsn = lsnText(snapshot.lsn);
        const covers = (at: unknown) => typeof at === "string" && lsnOf(at) >= snapshot.lsn;
        const reached = await new SourcePositions(log, project).positionOf(name, covers, until - now(), signal);
        signal.throwIfAborted();
        if (reached === null) throw notFollowed(name, `to ${lsn}`, patienceMs);
        const { read, state } = await readStreams(log, project, name, left);
        const ready = read.filter((stream) => isReadBefore(state!, stream, snapshot.lsn));
        for (const stream of ready)
          yield { ...(await verifyTable(options, source, snapshot, stream, state!.epoch)), lsn };
        left = left.filter((stream) => !ready.includes(stream));
        if (ready.length === 0 && now() > until) throw notFollowed(name, `to ${lsn}`, patienceMs);
      } finally {
        await snapshot.close();
      }
      if (left.length > 0) await pause(retryMs, signal);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await source.close();
  }
}

/** Those that have not to be read, or read again, before anything can be said of them. */
async function readStreams(
  log: Log,
  project: string,
  source: string,
  streams: readonly ChangelogStream[],
): Promise<{ readonly read: readonly ChangelogStream[]; readonly state: PostgresState | null }> {
  const { state, asked } = await Control.open<PostgresState>(log, project, source);
  const isRead = ({ name }: ChangelogStream) => state !== null && !state.pending.includes(name) && !asked.has(name);
  return { read: streams.filter(isRead), state };
}

/** Of an LSN before a table was read, the changelog has nothing. */
function isReadBefore(state: PostgresState, { name }: ChangelogStream, lsn: bigint): boolean {
  return lsnOf(state.slotLsn) <= lsn && lsnOf(state.readAt[name] ?? state.slotLsn) <= lsn;
}

function notFollowed(source: string, how: string, patienceMs: number): TidemarkError {
  return new TidemarkError(
    "DATABASE_FAILED",
    `source ${source} is not followed ${how} within ${patienceMs / 1000} s`,
    "run tidemark sources, and see what it says",
  );
}

function sourceOptions(name: string, postgres: SourceSection["postgres"], tables: readonly SourceTable[]) {
  return {
    source: name,
    url: postgres.url(),
    slot: postgres.slot,
    publications: [postgres.publication],
    tables,
    messages: [],
    heartbeatMs: postgres.heartbeatMs,
    pollMs: postgres.heartbeatMs,
  };
}
