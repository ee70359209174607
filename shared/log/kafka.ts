import { setTimeout as sleep } from "node:timers/promises";
import type { Message, Producer, RecordMetadata } from "kafkajs";
import { messageOf, TidemarkError } from "../errors.ts";
import { recordBytes } from "./batch.ts";
import { closed, noPartition, notAppended, streamMissing } from "./faults.ts";
import {
  type Cluster,
  contactMsMax,
  isTrouble,
  isUnknownTopic,
  KafkaClient,
  type KafkaOptions,
  topicId,
} from "./kafka-client.ts";
import { offsetsOf } from "./kafka-offsets.ts";
import { KafkaReader } from "./kafka-reader.ts";
import { isRefusal } from "./kafka-refusals.ts";
import type { Log, LogOrigin, LogReader, LogSettings, LogStream, NewRecord } from "./log.ts";
import { requestHeader, textOfId } from "./request-header.ts";

/** kafkajs sends a partition's records as one batch, which a broker takes up to 1 MiB by default. */
const sendBytesMax = 768 << 10;
/** kafkajs copies a partition's list for every record it adds to it. */
const sendRecordsMax = 1000;
const outageMs = 60_000;
const settingsMs = 30_000;
/**
 * Sending one request's worth of records times out after this long, and its outcome is unknown; longer than
 * kafkajs's own retries.
 */
const sendMsMax = 40_000;

interface Pending {
  readonly stream: LogStream;
  readonly records: readonly NewRecord[];
  readonly ends: Map<number, number>;
  resolve(ends: Map<number, number>): void;
  reject(error: unknown): void;
}

interface Outgoing {
  readonly record: NewRecord;
  readonly pending: Pending;
}

/**
 * A log in Kafka (2.3 or later). Readers use no consumer group and see committed records only; the position of
 * a stream is the caller's. Appends go through one idempotent producer, one awaited send at a time: that is
 * what keeps kafkajs from losing or doubling records when it retries.
 */
export class KafkaLog implements Log {
  readonly kind = "kafka";
  readonly #client: KafkaClient;
  readonly #outageMsMax: number;
  /** One client per topic: kafkajs refuses all metadata when a single topic is gone. */
  readonly #clusters = new Map<string, Promise<Cluster>>();
  readonly #readers = new Set<LogReader>();
  readonly #settings = new Map<string, { readonly at: number; readonly settings: LogSettings | null }>();
  #producer: Promise<Producer> | null = null;
  #pending: Pending[] = [];
  #sending: Promise<void> | null = null;
  #closed = false;

  constructor(options: KafkaOptions) {
    this.#client = new KafkaClient(options);
    this.#outageMsMax = options.outageMsMax ?? outageMs;
  }

  /** The id is the topic's UUID (Kafka 2.8 and later), else `topic:` and its name, which a recreated topic shares. */
  async ensure(stream: LogStream): Promise<LogOrigin> {
    try {
      return await this.#origin(stream);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "LOG_STREAM_MISSING" || stream.existing) throw error;
    }
    await this.#create(stream);
    const until = performance.now() + contactMsMax;
    for (;;) {
      try {
        return await this.#origin(stream);
      } catch (error) {
        // A new topic takes a moment to reach every broker.
        const young = error instanceof TidemarkError && error.code === "LOG_STREAM_MISSING";
        if (!young || performance.now() > until) throw error;
        await sleep(50);
      }
    }
  }

  append(stream: LogStream, records: readonly NewRecord[]): Promise<Map<number, number>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closed("the Kafka log");
      this.#pending.push({ stream, records, ends: new Map(), resolve, reject });
      this.#sending ??= this.#sendAll();
    });
  }

  async read(stream: LogStream, from: ReadonlyMap<number, number>): Promise<LogReader> {
    const partitions = (await this.first(stream)).length;
    for (const partition of from.keys())
      if (!(partition < partitions)) throw noPartition(stream, partition, partitions);
    const cluster = await this.#attempt(stream, () => this.#client.cluster(stream.topic));
    const reader = new KafkaReader(this.#client, cluster, stream, from, this.#outageMsMax);
    this.#readers.add(reader);
    return {
      next: (maxBytes, waitMs) => reader.next(maxBytes, waitMs),
      close: async () => {
        this.#readers.delete(reader);
        await reader.close();
      },
    };
  }

  /** Asked of the broker once in a while: every role calls this often. */
  async settings(stream: LogStream): Promise<LogSettings | null> {
    const known = this.#settings.get(stream.topic);
    if (known && performance.now() - known.at < settingsMs) return known.settings;
    const found = await this.#attempt(stream, () => this.#client.topicSettings(stream.topic));
    this.#settings.set(stream.topic, { at: performance.now(), settings: found });
    if (!known && found?.anyTimestamp) {
      this.#client.warn(
        `topic ${stream.topic} takes any future timestamp from its producers: ` +
          "log time ignores such a record until a later one confirms it. " +
          "Set message.timestamp.after.max.ms to 1 hour (3600000), or message.timestamp.type to LogAppendTime",
      );
    }
    return found;
  }

  first(stream: LogStream): Promise<number[]> {
    return this.#ask(stream, (cluster) => offsetsOf(cluster, stream, { fromBeginning: true }));
  }

  end(stream: LogStream): Promise<number[]> {
    return this.#ask(stream, (cluster) => offsetsOf(cluster, stream, { fromBeginning: false }));
  }

  /** Nothing: a topic's retention is Kafka's. */
  async trim(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sending;
    const readers = [...this.#readers].map((reader) => reader.close());
    const clusters = [...this.#clusters.values()].map((cluster) => cluster.then((open) => open.disconnect()));
    const producer = this.#producer?.then((open) => open.disconnect());
    await Promise.allSettled([...readers, ...clusters, producer]);
  }

  // Asking

  async #origin(stream: LogStream): Promise<LogOrigin> {
    return this.#ask(stream, async (cluster) => {
      await cluster.refreshMetadata(); // partitions may have been added
      const first = await offsetsOf(cluster, stream, { fromBeginning: true });
      return { id: (await topicId(cluster, stream.topic)) ?? `topic:${stream.topic}`, first };
    });
  }

  async #create(stream: LogStream): Promise<void> {
    try {
      await this.#attempt(stream, () => this.#client.createTopic(stream));
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      if (isRefusal(error)) throw this.#client.unreachable(error);
      throw new TidemarkError(
        "LOG_STREAM_MISSING",
        `cannot create topic ${stream.topic} in Kafka at ${this.#client.brokers}: ${messageOf(error)}`,
        "create it by hand, or give this client the right to",
        { stream: stream.name, topic: stream.topic },
        error,
      );
    }
  }

  /** Asks the topic's own client, which is made when first needed and again after trouble. */
  #ask<T>(stream: LogStream, question: (cluster: Cluster) => Promise<T>): Promise<T> {
    return this.#attempt(stream, async () => {
      if (this.#closed) throw closed("the Kafka log");
      let cluster = this.#clusters.get(stream.topic);
      if (!cluster) {
        cluster = this.#client.cluster(stream.topic);
        this.#clusters.set(stream.topic, cluster);
      }
      return question(await cluster);
    });
  }

  /**
   * Tries again while the broker is in trouble.
   *
   * @throws LOG_UNREACHABLE after `contactMsMax`
   */
  async #attempt<T>(stream: LogStream, action: () => Promise<T>): Promise<T> {
    const until = performance.now() + contactMsMax;
    let last: unknown;
    for (;;) {
      try {
        return await before(until, action());
      } catch (error) {
        if (!(error instanceof TooLate && last)) last = error;
        this.#closeCluster(stream);
        if (isUnknownTopic(error)) throw streamMissing(stream, `Kafka at ${this.#client.brokers}`);
        if (error instanceof TooLate || (isTrouble(error) && performance.now() + 200 > until)) {
          throw this.#client.unreachable(last);
        }
        if (isRefusal(error)) throw this.#client.unreachable(error);
        if (!isTrouble(error)) throw error;
        await sleep(200);
      }
    }
  }

  #closeCluster(stream: LogStream): void {
    const cluster = this.#clusters.get(stream.topic);
    this.#clusters.delete(stream.topic);
    void cluster?.then((open) => open.disconnect()).catch(() => undefined);
  }

  // Appending

  async #sendAll(): Promise<void> {
    // Whatever is appended in this turn goes together.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const { stream } = this.#pending[0]!;
      const group = this.#pending.filter((pending) => pending.stream.topic === stream.topic);
      this.#pending = this.#pending.filter((pending) => pending.stream.topic !== stream.topic);
      try {
        for (const chunk of chunksOf(group)) await this.#send(stream, chunk);
        for (const { resolve, ends } of group) resolve(ends);
      } catch (error) {
        // The sequence numbers of a failed send may be taken: a producer of its own for the next one.
        this.#closeProducer();
        for (const { reject } of group) reject(this.#appendError(stream, error));
      }
    }
    this.#sending = null;
  }

  #appendError(stream: LogStream, error: unknown): TidemarkError {
    if (error instanceof TidemarkError) return error;
    return isRefusal(error) ? this.#client.unreachable(error) : notAppended(stream, messageOf(error), error);
  }

  /** Sends one request's worth of records and notes where each append ends. */
  async #send(stream: LogStream, chunk: readonly Outgoing[], again = false): Promise<void> {
    const byPartition = new Map<number, Outgoing[]>();
    for (const outgoing of chunk) {
      const list = byPartition.get(outgoing.record.partition);
      if (list) list.push(outgoing);
      else byPartition.set(outgoing.record.partition, [outgoing]);
    }
    if (!this.#producer) {
      // A producer waits long for a broker; whether there is one at all shows sooner this way.
      await this.first(stream);
      this.#producer = this.#client.producer();
    }
    // the wait is bounded, whatever kafkajs's retries do; on a timeout the outcome is unknown
    const until = performance.now() + sendMsMax;
    const producer = await before(until, this.#producer);
    const sent = producer.send({
      topic: stream.topic,
      acks: -1,
      compression: this.#client.compression,
      messages: chunk.map(({ record }) => messageFrom(record)),
    });
    const results = await before(until, sent);
    const bases = new Map(results.map((result) => [result.partition, baseOf(result)]));
    const partitions = [...byPartition.keys()];
    // kafkajs drops records for a partition it does not know and resolves all the same.
    const missing = partitions.filter((partition) => !bases.has(partition));
    if (missing.length > 0) await this.#sendMissing(stream, chunk, missing, again);
    for (const [partition, base] of bases) {
      if (base < 0) throw notAppended(stream, `the acknowledgement of partition ${partition} has no offset`);
      byPartition.get(partition)?.forEach(({ pending }, i) => {
        pending.ends.set(partition, base + i + 1);
      });
    }
  }

  /** Records that kafkajs left out were not sent at all; a producer with fresh metadata may know their partitions. */
  async #sendMissing(
    stream: LogStream,
    chunk: readonly Outgoing[],
    missing: readonly number[],
    again: boolean,
  ): Promise<void> {
    const { first } = await this.#origin(stream);
    const beyond = missing.find((partition) => partition >= first.length);
    if (beyond !== undefined) throw noPartition(stream, beyond, first.length);
    if (again) throw notAppended(stream, `no acknowledgement for partition ${missing.join(", ")}`);
    this.#closeProducer();
    const rest = chunk.filter(({ record }) => missing.includes(record.partition));
    await this.#send(stream, rest, true);
  }

  #closeProducer(): void {
    const producer = this.#producer;
    this.#producer = null;
    void producer?.then((open) => open.disconnect()).catch(() => undefined);
  }
}

/** Cuts a group of appends into sends that a broker takes, keeping the order of records. */
function chunksOf(group: readonly Pending[]): Outgoing[][] {
  const chunks: Outgoing[][] = [];
  let chunk: Outgoing[] = [];
  let sizes = new Map<number, { records: number; bytes: number }>();
  for (const pending of group) {
    for (const record of pending.records) {
      const bytes = recordBytes(record) + 100;
      const size = sizes.get(record.partition) ?? { records: 0, bytes: 0 };
      if (size.records > 0 && (size.records + 1 > sendRecordsMax || size.bytes + bytes > sendBytesMax)) {
        chunks.push(chunk);
        chunk = [];
        sizes = new Map();
      }
      const now = sizes.get(record.partition) ?? { records: 0, bytes: 0 };
      sizes.set(record.partition, { records: now.records + 1, bytes: now.bytes + bytes });
      chunk.push({ record, pending });
    }
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

function messageFrom({ partition, key, value, headers, id }: NewRecord): Message {
  if (!headers && !id) return { partition, key, value };
  return { partition, key, value, headers: { ...headers, ...(id ? { [requestHeader]: textOfId(id) } : {}) } };
}

function baseOf({ baseOffset, offset, errorCode }: RecordMetadata): number {
  return errorCode === 0 ? Number(baseOffset ?? offset ?? -1) : -1;
}

class TooLate extends Error {}

/**
 * Rejects at `until` (performance.now() milliseconds) when the work has not ended by then; its late outcome is
 * ignored.
 */
function before<T>(until: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TooLate("no answer in time")), Math.max(0, until - performance.now()));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
