/**
 * A changelog against its table: what the changelog's records leave of all commits before an LSN, and what the table
 * had then. The only sure sign of what a server never said.
 */
import { mkdir, rm } from "node:fs/promises";
import { rowStream } from "../ingest/sent-changes.ts";
import { Decoder } from "../shared/decode/decode.ts";
import type { ChangelogStream, TableOrigin } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import type { Log } from "../shared/log/log.ts";
import type { Store } from "../shared/store/store.ts";
import { archivedRows } from "./archived-rows.ts";
import { ChangelogWriter } from "./changelog-writer.ts";
import { isBehind } from "./lsn-place.ts";
import type { TableSnapshot } from "./postgres/snapshot.ts";
import type { PostgresSource } from "./postgres/source.ts";
import { RowFile } from "./row-file.ts";
import { keyText, RowWriter } from "./row-texts.ts";

/** More keys of differing rows than this are not listed. */
const listedMax = 20;

export interface TableVerdict {
  readonly stream: string;
  readonly rows: number;
  /** How many the changelog lacks, has in excess, and has otherwise. */
  readonly missing: number;
  readonly extra: number;
  readonly other: number;
  /** Keys of some of them, as JSON. */
  readonly keys: readonly string[];
}

/** Of a source's table. */
export interface LocatedVerdict extends TableVerdict {
  /** The LSN at which they were compared. */
  readonly lsn: string;
}

/** In words; null: they are equal. */
export function verdictDifferences({ missing, extra, other }: TableVerdict): string | null {
  const differences = [
    ...(missing > 0 ? [`${missing} are missing`] : []),
    ...(extra > 0 ? [`${extra} are there that are not in the table`] : []),
    ...(other > 0 ? [`${other} are otherwise`] : []),
  ];
  return differences.length === 0 ? null : differences.join(", ");
}

/** One line, without values. */
export function verdictText(verdict: LocatedVerdict): string {
  return `${verdict.stream}: ${verdict.rows} rows at ${verdict.lsn}, ${verdictDifferences(verdict) ?? "equal"}`;
}

export interface VerifyTableOptions {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * @param epoch of the slot that is followed
 * @throws SOURCE_TABLE, SOURCE_VALUE, DATABASE_UNREACHABLE, the signal's reason
 */
export async function verifyTable(
  { store, log, session, now, signal }: VerifyTableOptions,
  source: PostgresSource,
  snapshot: TableSnapshot,
  stream: ChangelogStream,
  epoch: number,
): Promise<TableVerdict> {
  const { row, key, from } = stream.changelog;
  const table = { table: (from as TableOrigin).table, row, key };
  const folder = store.scratch("verify");
  await mkdir(folder, { recursive: true });
  // after the rows of a snapshot at the same LSN, before all of its commits
  const end = { epoch, lsn: snapshot.lsn, n: 0, part: 1 };
  const archived = archivedRows(store, log, session, stream);
  const rows = RowFile.open(folder, now)!;
  const writer = await ChangelogWriter.open({
    log,
    stream,
    rows,
    archived,
    session,
    signal,
    folds: (place) => !isBehind(end, place),
  });
  try {
    const found = { rows: 0, missing: 0, extra: 0, other: 0 };
    const keys: string[] = [];
    const list = (each: string) => {
      if (keys.length < listedMax) keys.push(each);
    };
    const texts = new RowWriter(stream.changelog);
    const seen = writer.beginSeen();
    for await (const changes of snapshot.rows(table, source.evidence)) {
      signal.throwIfAborted();
      const doubtful: { readonly key: string; readonly is: string; readonly should: string }[] = [];
      for (const { key: own, after } of changes) {
        found.rows++;
        const [is, should] = [writer.rowOf(own), texts.rowText(after!, null)];
        if (is === should) continue;
        if (is !== null) doubtful.push({ key: keyText(own), is, should });
        else {
          found.missing++;
          list(keyText(own));
        }
      }
      for (const each of await differing(session, stream, doubtful)) {
        found.other++;
        list(each);
      }
      seen.add(changes.map((change) => change.key));
    }
    for (const some of seen.others())
      for (const each of some) {
        found.extra++;
        list(keyText(each));
      }
    return { stream: stream.name, ...found, keys };
  } finally {
    await writer.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Those whose texts mean different values. */
async function differing(
  session: Session,
  stream: ChangelogStream,
  rows: readonly { readonly key: string; readonly is: string; readonly should: string }[],
): Promise<string[]> {
  if (rows.length === 0) return [];
  const decoded = async (texts: readonly string[]) => {
    const records = texts.map((text, offset) => ({ offset, timestamp: 0, key: null, value: Buffer.from(text) }));
    return new Decoder(session, rowStream(stream)).decode([new ArrayBatch(0, 0, texts.length, records)]);
  };
  const [is, should] = [await decoded(rows.map((each) => each.is)), await decoded(rows.map((each) => each.should))];
  try {
    const columns = stream.changelog.row.map((_, i) => `a.f${i} IS DISTINCT FROM b.f${i}`).join(" OR ");
    const found = await session.rows(
      `SELECT a.rowid::INTEGER AS i FROM ${is.table} a JOIN ${should.table} b ON a.rowid = b.rowid WHERE ${columns}`,
    );
    return found.map(({ i }) => rows[Number(i)]!.key);
  } finally {
    await is.close();
    await should.close();
  }
}
