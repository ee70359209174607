/** A PostgreSQL database that changelogs are read from. One caller reads it, and says how far its log has it. */

import { isCode, TidemarkError } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { Frames } from "../../shared/postgres/frames.ts";
import { type Finding, findings, newFindings } from "./checks.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import type { SourceItem } from "./items.ts";
import { PgOutputDecoder } from "./pgoutput.ts";
import { type Blocker, dropSlot } from "./slot.ts";
import { TableSnapshot } from "./snapshot.ts";
import type { SourceTable } from "./tables.ts";
import { connectTo, type PostgresTarget } from "./target.ts";
import { Transactions } from "./transactions.ts";
import { TypeCatalog } from "./type-catalog.ts";
import { keepaliveEndAt, kinds, WalStream, walHeaderBytes } from "./wal-stream.ts";

export interface PostgresSourceOptions extends PostgresTarget {
  readonly slot: string;
  readonly publications: readonly string[];
  readonly tables: readonly SourceTable[];
  /** Prefixes of pg_logical_emit_message that are wanted. */
  readonly messages: readonly string[];
  /** How often an idle database is made to have something to acknowledge, so that it keeps no WAL. */
  readonly heartbeatMs: number;
  /** How often the server is asked for what the stream says nothing of. */
  readonly pollMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A transaction of more is handed on in pieces; left out: 1 MB. */
  readonly pieceBytes?: number;
}

/** Of messages that go on together. */
const gatheredBytes = 2 << 20;
/** Of our own messages, which are of no stream. */
const heartbeatPrefix = "tidemark.heartbeat";

/** Of a poll after the stream ended. */
const lastMsMax = 5_000;
/** Polls that come due while one is not answered. */
const missedPollsMax = 12;

export class PostgresSource {
  readonly #options: PostgresSourceOptions;
  readonly #query: PostgresConnection;
  readonly #types: TypeCatalog;
  readonly #transactions: Transactions;
  #evidence: Evidence;
  #wal: WalStream | null = null;

  private constructor(
    options: PostgresSourceOptions,
    query: PostgresConnection,
    types: TypeCatalog,
    evidence: Evidence,
  ) {
    this.#options = options;
    this.#query = query;
    this.#types = types;
    this.#evidence = evidence;
    const { source, tables, messages, pieceBytes = 1 << 20 } = options;
    const oidOf = (table: string) => this.#evidence.tables[table]?.oid;
    this.#transactions = new Transactions({ source, tables, types, oidOf, messages, pieceBytes });
  }

  /**
   * Reads what the server says, and changes nothing there.
   * @throws DATABASE_UNREACHABLE, DATABASE_LOGIN, DATABASE_SETTING
   */
  static async open(options: PostgresSourceOptions): Promise<PostgresSource> {
    const query = await connectTo(options);
    try {
      const types = new TypeCatalog(query);
      const evidence = await readEvidence(query, types, evidenceOf(options));
      return new PostgresSource(options, query, types, evidence);
    } catch (error) {
      await query.close();
      throw error;
    }
  }

  /** Of the last poll; to be remembered, and given to `findings` after a restart. */
  get evidence(): Evidence {
    return this.#evidence;
  }

  /**
   * What is wrong before anything is streamed.
   *
   * @param before what was remembered; null: nothing
   * @param durable the LSN up to which the log has everything; null: there is no slot yet
   */
  findings(before: Evidence | null, durable: bigint | null): Finding[] {
    return findings(before, this.#evidence, { tables: this.#options.tables, durable });
  }

  /** Asks the server again. */
  async poll(): Promise<Evidence> {
    this.#evidence = await readEvidence(this.#query, this.#types, evidenceOf(this.#options));
    return this.#evidence;
  }

  /**
   * The tables' rows at an LSN.
   *
   * new: the slot is created, or dropped and created, and the stream goes on from the LSN. beside: the slot stays as it
   * is; the caller applies the rows when the stream has come to the LSN: to what it knows then of all commits before.
   *
   * @throws SOURCE_SLOT where transactions that are open outlast `waitMsMax`
   */
  async snapshot(
    kind: "new" | "beside",
    { waitMsMax, onWaiting }: { waitMsMax: number; onWaiting?: (blockers: readonly Blocker[]) => void },
  ): Promise<TableSnapshot> {
    const { slot } = this.#options;
    if (kind === "new") {
      await this.#stopStream();
      await dropSlot(this.#query, slot);
    }
    const isTemporary = kind === "beside";
    // names are of the server, and end at 63 bytes
    const name = isTemporary ? `${slot.slice(0, 40)}_beside_${this.#query.pid}` : slot;
    const waiting = onWaiting === undefined ? {} : { onWaiting };
    return TableSnapshot.open(this.#options, this.#query, { name, isTemporary, waitMsMax, ...waiting });
  }

  /** Changes of a table that was stopped are read again, of commits from `lsn` on: a snapshot's. */
  restart(table: string, lsn: bigint): void {
    this.#transactions.restart(table, lsn);
  }

  /**
   * What was committed from `from` on, in commit order, until `close` or a new slot; where a connection ends, it
   * throws. Beside come findings of polls.
   *
   * @param from the end of the last commit that the log has, or a snapshot's LSN
   * @throws DATABASE_UNREACHABLE, SOURCE_SLOT, DATABASE_FAILED
   */
  async *stream(from: bigint): AsyncGenerator<readonly SourceItem[]> {
    const { slot, publications, now } = this.#options;
    const wal = await WalStream.open(this.#options, { slot, publications, from, now });
    this.#wal = wal;
    const beside = new Beside(wal, this.#options, this.#query, async () => {
      const [before, durable] = [this.#evidence, wal.acknowledged];
      const now = await this.poll();
      return findings(before, now, { tables: this.#options.tables, durable, acknowledged: wal.acknowledged });
    });
    try {
      yield* this.#items(wal, beside, from);
    } catch (error) {
      if (wal.isClosed) return;
      const found = await beside.last();
      if (found.length > 0) yield [{ is: "found", findings: found }];
      throw error;
    } finally {
      beside.stop();
      await wal.close();
      if (this.#wal === wal) this.#wal = null;
    }
  }

  async *#items(wal: WalStream, beside: Beside, from: bigint): AsyncGenerator<readonly SourceItem[]> {
    const transactions = this.#transactions;
    const decoder = new PgOutputDecoder();
    let [idleLsn, givenLsn] = [from, from];
    while (!wal.isClosed) {
      let gathered = 0;
      // what is here already goes on together: the log is written to once for all of it
      for (let frames: Frames | null = await wal.next(); frames !== null; ) {
        const { bytes, ends } = frames;
        let start = 0;
        for (const end of ends) {
          if (bytes[start] === kinds.wal) {
            const waits = transactions.take(decoder.decode(bytes, start + walHeaderBytes, end), end - start);
            if (waits !== null) await waits;
          } else if (bytes[start] === kinds.keepalive && !transactions.isOpen) {
            idleLsn = bytes.readBigUInt64BE(start + keepaliveEndAt);
          }
          start = end;
        }
        gathered += start;
        frames = gathered < gatheredBytes ? wal.waiting() : null;
      }
      const items = transactions.drain();
      for (const item of items) givenLsn = lsnAfter(item) ?? givenLsn;
      if (items.length === 0 && idleLsn > givenLsn && beside.isPositionDue()) {
        items.push({ is: "position", lsn: idleLsn });
        givenLsn = idleLsn;
      }
      items.push(...beside.found());
      if (items.length > 0) yield items;
    }
  }

  /** Everything up to here is in the log. @param endLsn of a piece that is its transaction's last, or of a position */
  acknowledge(endLsn: bigint): void {
    this.#wal?.acknowledge(endLsn);
  }

  async close(): Promise<void> {
    await this.#stopStream();
    await this.#query.close();
  }

  async #stopStream(): Promise<void> {
    await this.#wal?.close();
  }
}

function evidenceOf({ slot, publications, tables }: PostgresSourceOptions) {
  return { slot, publications, tables: tables.map(({ table }) => table) };
}

function lsnAfter(item: SourceItem): bigint | null {
  if (item.is === "piece") return item.endLsn;
  return item.is === "position" ? item.lsn : null;
}

/** What is done beside the stream, by the clock: heartbeats, and polls for what the stream says nothing of. */
class Beside {
  readonly #wal: WalStream;
  readonly #source: string;
  readonly #check: () => Promise<Finding[]>;
  readonly #timers: NodeJS.Timeout[];
  #isPositionDue = false;
  #known: readonly Finding[] = [];
  #found: Finding[] = [];
  #failed: unknown = null;
  #isBusy = false;
  #missed = 0;

  constructor(
    wal: WalStream,
    { heartbeatMs, pollMs, slot, source }: PostgresSourceOptions,
    query: PostgresConnection,
    check: () => Promise<Finding[]>,
  ) {
    this.#wal = wal;
    this.#source = source;
    this.#check = check;
    this.#timers = [
      setInterval(() => {
        this.#isPositionDue = true;
        const beat = query.rows("SELECT pg_logical_emit_message(true, $1, $2)", [heartbeatPrefix, slot]);
        void beat.then(
          () => this.#wal.wake(),
          (error) => this.#fail(error),
        );
      }, heartbeatMs),
      setInterval(() => void this.#poll(), pollMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** True once for each heartbeat. */
  isPositionDue(): boolean {
    const isDue = this.#isPositionDue;
    this.#isPositionDue = false;
    return isDue;
  }

  /** @throws where the server can't be asked any more */
  found(): SourceItem[] {
    if (this.#failed !== null) throw this.#failed;
    if (this.#found.length === 0) return [];
    const found = this.#found;
    this.#found = [];
    return [{ is: "found", findings: found }];
  }

  /** What is found after the stream ended; nothing where the server can't be asked. */
  async last(): Promise<Finding[]> {
    this.stop();
    const before = this.#found;
    if (isCode(this.#failed, "DATABASE_UNREACHABLE")) return before;
    const timer = new AbortController();
    try {
      // the way to the server may be gone without a sign
      const found = await Promise.race([this.#check(), pause(lastMsMax, timer.signal).then(() => [])]);
      return [...before, ...newFindings(this.#known, found)];
    } catch (error) {
      if (error instanceof TidemarkError) return before;
      throw error;
    } finally {
      timer.abort();
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async #poll(): Promise<void> {
    if (this.#isBusy) {
      // a connection may be gone without a sign
      if (++this.#missed > missedPollsMax) this.#fail(this.#silent());
      return;
    }
    [this.#isBusy, this.#missed] = [true, 0];
    try {
      const all = await this.#check();
      this.#found.push(...newFindings(this.#known, all));
      this.#known = all;
      if (this.#found.length > 0) this.#wal.wake();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isBusy = false;
    }
  }

  #silent(): TidemarkError {
    const what = `source ${this.#source}: the server does not answer`;
    return new TidemarkError("DATABASE_UNREACHABLE", what, "it is connected to again");
  }

  #fail(error: unknown): void {
    this.#failed ??= error;
    this.#wal.wake();
  }
}
