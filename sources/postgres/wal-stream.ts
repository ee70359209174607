/**
 * A slot's changes as they come. The server sees by our statuses that we live and how far it may forget, and we
 * see by its answers that it does.
 */
import { TidemarkError } from "../../shared/errors.ts";
import type { PostgresConnection, Replication } from "../../shared/postgres/connection.ts";
import type { Frames } from "../../shared/postgres/frames.ts";
import { lsnText } from "./lsn.ts";
import { connectTo, type PostgresTarget } from "./target.ts";

export interface WalStreamOptions {
  readonly slot: string;
  readonly publications: readonly string[];
  /** From where on commits are wanted; 0: from where the slot is. */
  readonly from: bigint;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** pgoutput's part of a message of kind w begins after this many bytes. */
export const walHeaderBytes = 25;
/** A keepalive's end of what was sent is at this byte. */
export const keepaliveEndAt = 1;
export const kinds = { wal: 0x77, keepalive: 0x6b } as const;

/** Between what is acknowledged and that the server knows it. */
const acknowledgedMsMax = 1_000;
/** Between two statuses, where the server sets no timeout. */
const statusMsMax = 10_000;
const epochMs = 946_684_800_000;

export class WalStream {
  readonly #connection: PostgresConnection;
  readonly #replication: Replication;
  readonly #now: () => number;
  readonly #timers: NodeJS.Timeout[] = [];
  #acknowledged: bigint;
  #isSent = true;
  #isClosed = false;
  /** Statuses since the server's last message. */
  #unanswered = 0;

  private constructor(connection: PostgresConnection, options: WalStreamOptions, timeoutMs: number) {
    this.#connection = connection;
    this.#now = options.now;
    this.#acknowledged = options.from;
    const names = options.publications.map((name) => `"${name.replaceAll('"', '""')}"`).join(",");
    const settings = `proto_version '1', publication_names '${names.replaceAll("'", "''")}', messages 'true'`;
    const from = lsnText(options.from);
    this.#replication = connection.replicate(`START_REPLICATION SLOT "${options.slot}" LOGICAL ${from} (${settings})`);
    const { incoming } = this.#replication;
    incoming.onMessage = (chunk) => {
      this.#unanswered = 0;
      // the server's last byte: answer at once
      if (chunk[0] === kinds.keepalive && chunk[keepaliveEndAt + 16] === 1) this.#status(false);
    };
    const everyMs = timeoutMs === 0 ? statusMsMax : Math.min(statusMsMax, timeoutMs / 3);
    this.#every(everyMs, () => {
      this.#status(true);
      // a socket that is paused has no answers
      if (timeoutMs > 0 && !incoming.isPaused && ++this.#unanswered * everyMs > 2 * timeoutMs) this.#silent(timeoutMs);
    });
    this.#every(acknowledgedMsMax, () => {
      if (!this.#isSent) this.#status(false);
    });
  }

  /** @throws SOURCE_SLOT where another process reads it; what else is wrong with the slot is thrown by `next` */
  static async open(target: PostgresTarget, options: WalStreamOptions): Promise<WalStream> {
    const connection = await connectTo(target, "replication");
    try {
      const [row] = await connection.rows("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'");
      return new WalStream(connection, options, Number(row?.setting ?? 0));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** The server process that sends. */
  get pid(): number {
    return this.#connection.pid;
  }

  /** Commits that end here, and all before them, need not come again. */
  get acknowledged(): bigint {
    return this.#acknowledged;
  }

  /**
   * Messages of both kinds, as they came; none where it was woken. What comes meanwhile waits in the socket.
   *
   * @throws DATABASE_UNREACHABLE, SOURCE_SLOT, DATABASE_FAILED
   */
  async next(): Promise<Frames> {
    return (await this.#replication.incoming.next()) as Frames;
  }

  /** Messages that are here already; null: there are none. */
  waiting(): Frames | null {
    return this.#replication.incoming.waiting();
  }

  wake(): void {
    this.#replication.incoming.wake();
  }

  /** @param endLsn of a commit that the log has, exactly: one byte more would lose a commit that follows directly */
  acknowledge(endLsn: bigint): void {
    if (endLsn <= this.#acknowledged) return;
    this.#acknowledged = endLsn;
    this.#isSent = false;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    if (!this.#isSent) this.#status(false);
    await this.#connection.close();
  }

  /** @param answered the server is to send a message, so that it is seen to live */
  #status(answered: boolean): void {
    const message = Buffer.alloc(34);
    message[0] = 0x72; // r
    for (const at of [1, 9, 17]) message.writeBigUInt64BE(this.#acknowledged, at);
    message.writeBigInt64BE(BigInt(Math.round((this.#now() - epochMs) * 1_000)), 25);
    message[33] = answered ? 1 : 0;
    this.#isSent = true;
    this.#replication.send(message);
  }

  #silent(timeoutMs: number): void {
    const { name: source } = this.#connection;
    const what = `source ${source}: the server sent nothing for ${(2 * timeoutMs) / 1_000} s (2 × wal_sender_timeout)`;
    this.#replication.incoming.end(new TidemarkError("DATABASE_UNREACHABLE", what, "it is connected to again"));
  }

  #every(ms: number, run: () => void): void {
    const timer = setInterval(run, ms);
    timer.unref();
    this.#timers.push(timer);
  }
}
