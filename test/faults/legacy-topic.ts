/** A topic of Debezium's, written as its connector writes it: it restarts, and then repeats its last changes. */
import type { Log, LogStream } from "../../shared/log/log.ts";

export const legacyTopic = "srv.public.legacy";
export const legacyPartitions = 2;

/** As in the changelog. */
export interface LegacyRow {
  readonly id: number;
  readonly city: string | null;
  readonly n: number | null;
}

interface Sent {
  readonly partition: number;
  readonly key: Buffer;
  readonly value: Buffer | null;
}

const ids = 60;
/** Of the newest records, those that a restart sends again. */
const repeatedMax = 30;

export class LegacyTopic {
  readonly rows = new Map<number, LegacyRow>();
  repeated = 0;
  readonly #log: Log;
  readonly #random: () => number;
  readonly #stream: LogStream = { name: "legacy", topic: legacyTopic, existing: false, partitions: legacyPartitions };
  #lsn = 1000;
  #recent: Sent[] = [];

  private constructor(log: Log, random: () => number) {
    this.#log = log;
    this.#random = random;
  }

  static async open(log: Log, random: () => number): Promise<LegacyTopic> {
    const topic = new LegacyTopic(log, random);
    await log.ensure(topic.#stream);
    return topic;
  }

  /** Some changes, which a restart of the connector may repeat. */
  async send(count: number): Promise<void> {
    const sent: Sent[] = [];
    for (let i = 0; i < count; i++) sent.push(...this.#change());
    await this.#log.append(this.#stream, sent);
    this.#recent = [...this.#recent, ...sent].slice(-repeatedMax);
    if (this.#random() > 0.2) return;
    await this.#log.append(this.#stream, this.#recent);
    this.repeated += this.#recent.length;
  }

  #change(): Sent[] {
    const id = Math.floor(this.#random() * ids);
    const before = this.rows.get(id) ?? null;
    const isGone = before !== null && this.#random() < 0.3;
    const n = this.#random() < 0.2 ? null : Math.floor(this.#random() * 1000);
    const after = isGone ? null : { id, city: this.#random() < 0.2 ? null : `c${Math.floor(this.#random() * 4)}`, n };
    if (after) this.rows.set(id, after);
    else this.rows.delete(id);
    this.#lsn += 1 + Math.floor(this.#random() * 100);
    const source = { ts_ms: this.#lsn, ts_us: this.#lsn * 1000, snapshot: "false", lsn: this.#lsn };
    const op = after === null ? "d" : before === null ? "c" : "u";
    // with the default identity of a table, `before` has the key alone, or nothing
    const value = { before: op === "d" ? { id, city: null, n: null } : null, after, source, op, ts_ms: this.#lsn };
    const [partition, key] = [id % legacyPartitions, Buffer.from(JSON.stringify({ id }))];
    const record = { partition, key, value: Buffer.from(JSON.stringify(value)) };
    return after === null ? [record, { partition, key, value: null }] : [record];
  }
}
