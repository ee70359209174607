/**
 * Appends many events: in groups, a few groups at a time, in order for each partition. Every record
 * carries the producer's request id and its number in its partition, so that what is appended
 * again, because an answer was lost, counts once.
 */
import { randomUUID } from "node:crypto";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Log, NewRecord } from "../shared/log/log.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import { appendPatiently } from "./append.ts";
import { type Appended, isAppended } from "./appended.ts";
import { keyOf } from "./event-key.ts";
import { Numbering } from "./numbering.ts";

const groupBytes = 1 << 20;
const groupRecords = 8192;
/** Groups that are under way at a time; beyond that `add` waits, which is what keeps memory flat. */
const groupsAhead = 4;

/** A log that can't be reached is tried again for so long. */
const patienceMs = 60_000;

export interface ProducerOptions {
  /** Whoever appends the same events again, in the same order, under the same name, appends them once. */
  readonly request?: string;
  /** What the log holds under that name already: it is not appended again. */
  readonly appended?: Appended;
  /** How many partitions it chooses from (see StreamOrigin); default: those that the log has now. */
  readonly partitions?: number;
  /** How long a group is tried again. */
  readonly patienceMs?: number;
  /** Ends the trying. */
  readonly signal?: AbortSignal;
}

export class Producer {
  /** The name under which it appends. */
  readonly request: string;
  readonly #log: Log;
  readonly #stream: StreamDefinition;
  readonly #numbering: Numbering;
  readonly #reached = new Map<number, number>();
  readonly #options: ProducerOptions;
  #group: NewRecord[] = [];
  #bytes = 0;
  #durable = 0;
  #already = 0;
  #underWay: Promise<void>[] = [];
  #failed: unknown = null;

  private constructor(log: Log, stream: StreamDefinition, partitions: number, options: ProducerOptions) {
    this.request = options.request ?? randomUUID();
    this.#options = options;
    this.#log = log;
    this.#stream = stream;
    this.#numbering = new Numbering(this.request, partitions);
  }

  /** @throws LOG_UNREACHABLE, LOG_STREAM_MISSING */
  static async open(log: Log, stream: StreamDefinition, options: ProducerOptions = {}): Promise<Producer> {
    const partitions = options.partitions ?? (await log.ensure(logStream(stream))).first.length;
    return new Producer(log, stream, partitions, options);
  }

  /** Events that are durable so far. */
  get durable(): number {
    return this.#durable;
  }

  /** Events that the log held before. */
  get already(): number {
    return this.#already;
  }

  /** Takes one event's JSON text. @throws LOG_APPEND when an earlier group may not have arrived */
  async add(value: Buffer): Promise<void> {
    const record = this.#numbered(value);
    const { appended } = this.#options;
    if (appended && isAppended(appended, record.partition, record.id.sequence)) {
      this.#already++;
      return;
    }
    this.#group.push(record);
    this.#bytes += value.length;
    if (this.#bytes < groupBytes && this.#group.length < groupRecords) return;
    this.#send();
    if (this.#underWay.length >= groupsAhead) await this.#underWay[0];
    if (this.#failed !== null) throw this.#failed;
  }

  /**
   * Passes over one that is not appended. It has a number all the same: whoever sends the same
   * again, and has it appended or not, numbers the others as before.
   */
  skip(value: Buffer): void {
    this.#numbered(value);
  }

  #numbered(value: Buffer): ReturnType<Numbering["record"]> {
    return this.#numbering.record(keyOf(this.#stream, value), value);
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
    const sent: Promise<void> = appendPatiently(
      this.#log,
      logStream(this.#stream),
      records,
      this.#options.patienceMs ?? patienceMs,
      this.#options.signal,
    )
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
