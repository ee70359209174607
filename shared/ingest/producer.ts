/** Appends many events: in groups, a few groups at a time, in order for each partition. */
import type { StreamDefinition } from "../definition.ts";
import type { Log, NewRecord } from "../log/log.ts";
import { Partitioner } from "../log/partitioner.ts";
import { type Position, positionOf } from "../position.ts";
import { logStream } from "../store/origin.ts";
import { keyOf } from "./event-key.ts";

const groupBytes = 1 << 20;
const groupRecords = 8192;
/** Groups that are under way at a time; beyond that `add` waits, which is what keeps memory flat. */
const groupsAhead = 4;

export class Producer {
  readonly #log: Log;
  readonly #stream: StreamDefinition;
  readonly #partitioner: Partitioner;
  readonly #reached = new Map<number, number>();
  #group: NewRecord[] = [];
  #bytes = 0;
  #durable = 0;
  #underWay: Promise<void>[] = [];
  #failed: unknown = null;

  private constructor(log: Log, stream: StreamDefinition, partitions: number) {
    this.#log = log;
    this.#stream = stream;
    this.#partitioner = new Partitioner(partitions);
  }

  /** @throws LOG_UNREACHABLE, LOG_STREAM_MISSING */
  static async open(log: Log, stream: StreamDefinition): Promise<Producer> {
    const { first } = await log.ensure(logStream(stream));
    return new Producer(log, stream, first.length);
  }

  /** Events that are durable so far. */
  get durable(): number {
    return this.#durable;
  }

  /** Takes one event's JSON text. @throws LOG_APPEND when an earlier group may not have arrived */
  async add(value: Buffer): Promise<void> {
    this.#group.push(this.#partitioner.record(keyOf(this.#stream, value), value));
    this.#bytes += value.length;
    if (this.#bytes < groupBytes && this.#group.length < groupRecords) return;
    this.#send();
    if (this.#underWay.length >= groupsAhead) await this.#underWay[0];
    if (this.#failed !== null) throw this.#failed;
  }

  /** Waits until everything taken is durable. @returns the next offset of every partition that was written */
  async flush(): Promise<Position> {
    this.#send();
    await Promise.all(this.#underWay);
    if (this.#failed !== null) throw this.#failed;
    return positionOf(
      [...this.#reached].map(([partition, offset]) => ({ stream: this.#stream.name, partition, offset })),
    );
  }

  #send(): void {
    if (this.#group.length === 0) return;
    const records = this.#group;
    this.#group = [];
    this.#bytes = 0;
    const sent: Promise<void> = this.#log
      .append(logStream(this.#stream), records)
      .then(
        (ends) => {
          this.#durable += records.length;
          for (const [partition, end] of ends) {
            this.#reached.set(partition, Math.max(end, this.#reached.get(partition) ?? 0));
          }
        },
        (error: unknown) => {
          this.#failed ??= error;
        },
      )
      .finally(() => {
        this.#underWay = this.#underWay.filter((each) => each !== sent);
      });
    this.#underWay.push(sent);
  }
}
