/** The log's reader on Kafka: fetches by offset, and connects again after trouble. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, TidemarkError } from "../errors.ts";
import { closed, corruptLog, outOfRange, unknownFormat } from "./faults.ts";
import { type Cluster, fetchFrom, isTrouble, type KafkaClient } from "./kafka-client.ts";
import { decompress } from "./kafka-codecs.ts";
import { offsetsOf } from "./kafka-offsets.ts";
import { forbidden } from "./kafka-refusals.ts";
import { decodeRecords, type FetchResponsePart, UnknownFormat, WireError } from "./kafka-wire.ts";
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

/** One connection to the cluster, and which of its brokers have a fetch in flight. */
interface Connection {
  readonly cluster: Cluster;
  readonly fetching: Set<string>;
}

type State =
  | { readonly name: "reading"; readonly connection: Connection; readonly troubleSince: number | null }
  | { readonly name: "reconnecting"; readonly troubleSince: number }
  | { readonly name: "failed"; readonly error: unknown }
  | { readonly name: "closed" };

/**
 * Reads partitions from offsets of its own, without a consumer group. Offsets live here alone. It is in one of these
 * states:
 *
 * reading: each broker that leads a partition has one fetch in flight, or its answer waits to be taken, so the network
 * works while the consumer does. `troubleSince` is set from the first trouble until an answer is good again, so that
 * one outage is counted over several connections and reported once.
 *
 * reconnecting: after trouble that passes by itself the cluster is connected again, ever more slowly, and read on from
 * the offsets. What fetches of the old connection still answer is dropped, for their state is over. After `outageMsMax`
 * it has failed.
 *
 * failed: `next` throws the error once what was fetched before is taken. It ends with `close` only.
 *
 * closed: nothing is fetched any more, and a wait in `next` ends.
 */
export class KafkaReader implements LogReader {
  readonly #client: KafkaClient;
  readonly #stream: LogStream;
  readonly #outageMsMax: number;
  readonly #wake = new Wake();
  #lanes: Lane[];
  #bytesMax = 0;
  #state: State;

  /** @param cluster connected, and from here on the reader's */
  constructor(
    client: KafkaClient,
    cluster: Cluster,
    stream: LogStream,
    from: ReadonlyMap<number, number>,
    outageMsMax: number,
  ) {
    this.#client = client;
    this.#state = { name: "reading", connection: connectionOf(cluster), troubleSince: null };
    this.#stream = stream;
    this.#outageMsMax = outageMsMax;
    this.#lanes = [...from].map(([partition, at]) => ({ partition, at, ready: null }));
  }

  async next(maxBytes: number, waitMs: number): Promise<RecordBatch[]> {
    if (this.#is("closed")) throw closed("the reader");
    this.#bytesMax = maxBytes;
    const until = performance.now() + waitMs;
    this.#pump();
    for (;;) {
      const batches = this.#take(maxBytes);
      if (batches.length > 0) {
        this.#pump();
        return batches;
      }
      if (this.#state.name === "failed") throw this.#state.error;
      const left = until - performance.now();
      if (left <= 0 || this.#is("closed")) return [];
      await this.#wake.wait(left);
    }
  }

  async close(): Promise<void> {
    const before = this.#state;
    this.#state = { name: "closed" };
    this.#wake.wake();
    if (before.name !== "reading") return;
    await Promise.race([disconnect(before.connection), sleep(500)]);
  }

  /** Whether it is in that state: any wait may have ended in another one. */
  #is(name: State["name"]): boolean {
    return this.#state.name === name;
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
    if (this.#state.name !== "reading") return;
    const { connection } = this.#state;
    const leaders = new Map<string, Lane[]>();
    const known = new Map(
      connection.cluster
        .findTopicPartitionMetadata(this.#stream.topic)
        .map((found) => [found.partitionId, found.leader]),
    );
    for (const lane of this.#lanes) {
      const leader = String(known.get(lane.partition) ?? -1);
      const lanes = leaders.get(leader);
      if (lanes) lanes.push(lane);
      else leaders.set(leader, [lane]);
    }
    for (const [leader, lanes] of leaders) {
      if (connection.fetching.has(leader) || lanes.some((lane) => lane.ready)) continue;
      void this.#fetch(connection, leader, lanes);
    }
  }

  /** Never rejects: trouble leads to another state, and an older connection's trouble to none. */
  async #fetch(connection: Connection, leader: string, lanes: readonly Lane[]): Promise<void> {
    const { cluster, fetching } = connection;
    fetching.add(leader);
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
      this.#onAnswer(connection);
    } catch (error) {
      await this.#onTrouble(connection, error);
    } finally {
      fetching.delete(leader);
    }
    this.#wake.wake();
    this.#pump();
  }

  async #receive(cluster: Cluster, lane: Lane, part: FetchResponsePart): Promise<void> {
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
        ? corruptLog(this.#stream.name, lane.partition, `offsets from ${at}`, error.message)
        : error;
    }
  }

  /** @throws LOG_RANGE unless the offset is in range after all, which can happen while a leader changes */
  async #checkRange(cluster: Cluster, { partition, at }: Lane): Promise<void> {
    const first = (await offsetsOf(cluster, this.#stream, { fromBeginning: true }))[partition]!;
    const end = (await offsetsOf(cluster, this.#stream, { fromBeginning: false }))[partition]!;
    if (at < first || at > end) throw outOfRange(this.#stream, partition, at, first, end);
  }

  #onAnswer(connection: Connection): void {
    if (this.#state.name !== "reading" || this.#state.connection !== connection) return;
    if (this.#state.troubleSince === null) return;
    this.#state = { name: "reading", connection, troubleSince: null };
    this.#client.warn(`Kafka at ${this.#client.brokers}: reading ${this.#stream.name} again`);
  }

  async #onTrouble(connection: Connection, error: unknown): Promise<void> {
    if (this.#state.name !== "reading" || this.#state.connection !== connection) return;
    if (!(error instanceof FetchError ? error.transient : isTrouble(error))) {
      this.#state = { name: "failed", error: error instanceof TidemarkError ? error : this.#client.unreachable(error) };
      await disconnect(connection);
      return;
    }
    const since = this.#state.troubleSince ?? performance.now();
    if (this.#state.troubleSince === null)
      this.#client.warn(
        `Kafka at ${this.#client.brokers}: cannot read ${this.#stream.name}, trying again: ${messageOf(error)}`,
      );
    this.#state = { name: "reconnecting", troubleSince: since };
    await disconnect(connection);
    void this.#reconnect(since, error);
  }

  async #reconnect(troubleSince: number, trouble: unknown): Promise<void> {
    let last = trouble;
    for (let pause = backOffMs.first; ; pause = Math.min(2 * pause, backOffMs.max)) {
      await sleep(pause);
      if (!this.#is("reconnecting")) return;
      if (performance.now() - troubleSince > this.#outageMsMax) {
        const error = last instanceof FetchError ? last.expected(this.#stream) : this.#client.unreachable(last);
        this.#state = { name: "failed", error };
        break;
      }
      try {
        const connection = connectionOf(await this.#client.cluster(this.#stream.topic));
        if (!this.#is("reconnecting")) return await disconnect(connection);
        this.#state = { name: "reading", connection, troubleSince };
        break;
      } catch (error) {
        last = error;
      }
    }
    this.#wake.wake();
    this.#pump();
  }
}

function connectionOf(cluster: Cluster): Connection {
  return { cluster, fetching: new Set() };
}

async function disconnect({ cluster }: Connection): Promise<void> {
  await cluster.disconnect().catch(() => undefined);
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
      ? new TidemarkError("LOG_STREAM_MISSING", `topic ${stream.topic} is gone from Kafka`, "", { stream: stream.name })
      : new TidemarkError("LOG_UNREACHABLE", `cannot read ${stream.name}: ${this.message}`, "check the broker's log", {
          stream: stream.name,
          code: this.#code,
        });
  }
}
