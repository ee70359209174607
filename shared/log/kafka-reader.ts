import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, TidemarkError } from "../errors.ts";
import { closed, corrupt, outOfRange, unknownFormat } from "./faults.ts";
import { type Cluster, fetchFrom, isTrouble, type KafkaClient } from "./kafka-client.ts";
import { decompress } from "./kafka-codecs.ts";
import { offsetsOf } from "./kafka-offsets.ts";
import { forbidden } from "./kafka-refusals.ts";
import { decodeRecords, type FetchedPart, UnknownFormat, WireError } from "./kafka-wire.ts";
import type { LogReader, LogStream, RecordBatch } from "./log.ts";
import { Wake } from "./wake.ts";

/** How long a broker may hold back an answer when there is nothing to read; also how long `close` may take. */
const holdMs = 100;
const partBytesMin = 1 << 20;
const backOffMs = { first: 100, max: 1000 };
const offsetOutOfRange = 1;
const topicForbidden = 29;

interface Lane {
  readonly partition: number;
  /** Next offset to fetch. */
  at: number;
  /** Fetched, not yet taken. */
  ready: RecordBatch | null;
}

/**
 * Reads partitions from offsets of its own, without a consumer group. Per broker one fetch is under way or
 * waiting to be taken, so the network works while the consumer does. Offsets live here alone: after any trouble
 * the cluster is connected anew and read on from them.
 */
export class KafkaReader implements LogReader {
  readonly #client: KafkaClient;
  readonly #stream: LogStream;
  readonly #outageMsMax: number;
  readonly #wake = new Wake();
  #lanes: Lane[];
  #cluster: Cluster;
  /** Counts connections: what an older one still reports is ignored. */
  #epoch = 0;
  readonly #fetching = new Set<string>();
  #bytesMax = 0;
  #troubleSince: number | null = null;
  #recovering = false;
  #failure: unknown = null;
  #closed = false;

  /** @param cluster connected, and from here on the reader's */
  constructor(
    client: KafkaClient,
    cluster: Cluster,
    stream: LogStream,
    from: ReadonlyMap<number, number>,
    outageMsMax: number,
  ) {
    this.#client = client;
    this.#cluster = cluster;
    this.#stream = stream;
    this.#outageMsMax = outageMsMax;
    this.#lanes = [...from].map(([partition, at]) => ({ partition, at, ready: null }));
  }

  async next(maxBytes: number, waitMs: number): Promise<RecordBatch[]> {
    if (this.#closed) throw closed("the reader");
    this.#bytesMax = maxBytes;
    const until = performance.now() + waitMs;
    this.#pump();
    for (;;) {
      const batches = this.#take(maxBytes);
      if (batches.length > 0) {
        this.#pump();
        return batches;
      }
      if (this.#failure) throw this.#failure;
      const left = until - performance.now();
      if (left <= 0 || this.#closed) return [];
      await this.#wake.wait(left);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake.wake();
    await Promise.race([this.#cluster.disconnect().catch(() => undefined), sleep(500)]);
  }

  #take(maxBytes: number): RecordBatch[] {
    const batches: RecordBatch[] = [];
    let left = maxBytes;
    const served: Lane[] = [];
    for (const lane of this.#lanes) {
      if (!lane.ready || (batches.length > 0 && lane.ready.bytes > left)) continue;
      left -= lane.ready.bytes;
      batches.push(lane.ready);
      lane.ready = null;
      served.push(lane);
    }
    // A fetch is filled in the order of its partitions: those served go to the back.
    if (served.length > 0) this.#lanes = [...this.#lanes.filter((lane) => !served.includes(lane)), ...served];
    return batches;
  }

  /** Starts a fetch from every leader that has none under way and nothing waiting to be taken. */
  #pump(): void {
    if (this.#closed || this.#failure || this.#recovering) return;
    const leaders = new Map<string, Lane[]>();
    const known = new Map(
      this.#cluster.findTopicPartitionMetadata(this.#stream.topic).map((found) => [found.partitionId, found.leader]),
    );
    for (const lane of this.#lanes) {
      const leader = String(known.get(lane.partition) ?? -1);
      const lanes = leaders.get(leader);
      if (lanes) lanes.push(lane);
      else leaders.set(leader, [lane]);
    }
    for (const [leader, lanes] of leaders) {
      if (this.#fetching.has(leader) || lanes.some((lane) => lane.ready)) continue;
      void this.#fetch(leader, lanes);
    }
  }

  /** Never rejects: trouble is recovered from, failure is kept for `next`. */
  async #fetch(leader: string, lanes: readonly Lane[]): Promise<void> {
    const epoch = this.#epoch;
    const cluster = this.#cluster;
    this.#fetching.add(leader);
    try {
      const bytesMax = Math.max(1, this.#bytesMax);
      const partBytes = Math.min(bytesMax, Math.max(partBytesMin, Math.ceil(bytesMax / lanes.length)));
      const { error, parts } = await fetchFrom(cluster, leader, {
        topic: this.#stream.topic,
        waitMs: holdMs,
        bytesMax,
        parts: lanes.map(({ partition, at }) => ({ partition, offset: at, bytesMax: partBytes })),
      });
      if (error !== 0) throw new FetchError(error);
      for (const part of parts) {
        const lane = lanes.find(({ partition }) => partition === part.partition);
        if (lane) await this.#receive(cluster, lane, part);
      }
      if (epoch === this.#epoch) this.#well();
    } catch (error) {
      if (epoch === this.#epoch) this.#ill(error);
    } finally {
      if (epoch === this.#epoch) this.#fetching.delete(leader);
    }
    this.#wake.wake();
    this.#pump();
  }

  async #receive(cluster: Cluster, lane: Lane, part: FetchedPart): Promise<void> {
    const { at } = lane;
    if (part.error === offsetOutOfRange) await this.#checkRange(cluster, lane);
    if (part.error === topicForbidden) throw forbidden(this.#stream, "Read");
    if (part.error !== 0) throw new FetchError(part.error);
    try {
      const batch = await decodeRecords(part, at, decompress);
      // An older connection's answer may come after the newer one's.
      if (!batch || lane.at !== at || lane.ready) return;
      lane.ready = batch;
      lane.at = batch.upto;
    } catch (error) {
      if (error instanceof UnknownFormat) throw unknownFormat(this.#stream, lane.partition, at, error.message);
      throw error instanceof WireError
        ? corrupt(this.#stream.name, lane.partition, `offsets from ${at}`, error.message)
        : error;
    }
  }

  /** @throws LOG_RANGE unless the offset is in range after all, which can happen while a leader changes */
  async #checkRange(cluster: Cluster, { partition, at }: Lane): Promise<void> {
    const first = (await offsetsOf(cluster, this.#stream, { fromBeginning: true }))[partition]!;
    const end = (await offsetsOf(cluster, this.#stream, { fromBeginning: false }))[partition]!;
    if (at < first || at > end) throw outOfRange(this.#stream, partition, at, first, end);
  }

  #well(): void {
    if (this.#troubleSince === null) return;
    this.#troubleSince = null;
    this.#client.warn(`Kafka at ${this.#client.brokers}: reading ${this.#stream.name} again`);
  }

  #ill(error: unknown): void {
    if (this.#closed || this.#failure) return;
    if (!(error instanceof FetchError ? error.transient : isTrouble(error))) {
      this.#failure = error instanceof TidemarkError ? error : this.#client.unreachable(error);
      return;
    }
    if (!this.#recovering) void this.#recover(error);
  }

  async #recover(reason: unknown): Promise<void> {
    this.#recovering = true;
    this.#epoch++;
    this.#fetching.clear();
    if (this.#troubleSince === null) {
      this.#troubleSince = performance.now();
      this.#client.warn(
        `Kafka at ${this.#client.brokers}: cannot read ${this.#stream.name}, trying again: ${messageOf(reason)}`,
      );
    }
    let last = reason;
    for (let pause = backOffMs.first; !this.#closed; pause = Math.min(2 * pause, backOffMs.max)) {
      await this.#cluster.disconnect().catch(() => undefined);
      await sleep(pause);
      if (this.#closed) break;
      if (performance.now() - this.#troubleSince > this.#outageMsMax) {
        this.#failure = last instanceof FetchError ? last.expected(this.#stream) : this.#client.unreachable(last);
        break;
      }
      try {
        this.#cluster = await this.#client.cluster(this.#stream.topic);
        break;
      } catch (error) {
        last = error;
      }
    }
    if (this.#closed) await this.#cluster.disconnect().catch(() => undefined);
    this.#recovering = false;
    this.#wake.wake();
    this.#pump();
  }
}

/** Error codes of a fetch that pass: leader moves, replicas catching up, a disk taken offline. */
const transient = new Set([offsetOutOfRange, 3, 5, 6, 7, 8, 9, 56, 74, 75, 76, 78, 100]);

class FetchError extends Error {
  readonly transient: boolean;
  readonly #code: number;

  constructor(code: number) {
    super(`Kafka answered a fetch with error code ${code}`);
    this.name = "FetchError";
    this.#code = code;
    this.transient = transient.has(code);
  }

  /** What it amounts to when it does not pass. */
  expected(stream: LogStream): TidemarkError {
    return this.#code === 3
      ? new TidemarkError("LOG_STREAM_MISSING", `Topic ${stream.topic} is gone from Kafka`, "", { stream: stream.name })
      : new TidemarkError(
          "LOG_UNREACHABLE",
          `Cannot read ${stream.name}: ${this.message}`,
          "look into the broker's log",
          {
            stream: stream.name,
            code: this.#code,
          },
        );
  }
}
