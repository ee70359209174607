/**
 * Appends many events: in groups, a few groups at a time, in order within each partition. Every
 * record carries the producer's request id and its number in its partition, so that a record that
 * is appended again, because an acknowledgement was lost, counts once.
 */
import { randomUUID } from "node:crypto";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Log, NewRecord } from "../shared/log/log.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import { appendPatiently } from "./append.ts";
import { type AppendedRanges, isAppended } from "./appended.ts";
import { eventKey } from "./event-key.ts";
import { Numbering } from "./numbering.ts";

const groupBytes = 1 << 20;
const groupRecords = 8192;
/** Groups that are in flight at a time; beyond that `add` waits, which bounds memory. */
const groupsAhead = 4;

/** How long an append to an unreachable log is retried. */
const patienceMs = 60_000;

export interface ProducerOptions {
  /** Appending the same events again in the same order under the same id has no further effect. */
  readonly request?: string;
  /** The records that the log already holds under that id: they are not appended again. */
  readonly appended?: AppendedRanges;
  /** The number of partitions to spread events over (see StreamOrigin); default: those that the log has now. */
  readonly partitions?: number;
  /** How long a group is retried. */
  readonly patienceMs?: number;
  /** Ends the retries. */
  readonly signal?: AbortSignal;
}

export class Producer {
  /** The request id under which it appends. */
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
  #inFlight: Promise<void>[] = [];
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

  /** Events that were in the log before. */
  get already(): number {
    return this.#already;
  }

  /** Adds one event's JSON text. @throws LOG_APPEND when an earlier group may not have arrived */
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
    if (this.#inFlight.length >= groupsAhead) await this.#inFlight[0];
    if (this.#failed !== null) throw this.#failed;
  }

  /**
   * Skips an event that is not appended. It uses up a number, so that the others keep theirs when
   * the same events are sent again, whether this one is appended then or not.
   */
  skip(value: Buffer): void {
    this.#numbered(value);
  }

  #numbered(value: Buffer): ReturnType<Numbering["record"]> {
    return this.#numbering.record(eventKey(this.#stream, value), value);
  }

  /** Waits until everything added is durable. @returns the next offset of every partition that was written */
  async flush(): Promise<Position> {
    this.#send();
    await Promise.all(this.#inFlight);
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
        this.#inFlight = this.#inFlight.filter((each) => each !== sent);
      });
    this.#inFlight.push(sent);
  }
}
