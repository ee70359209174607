import kafkajs from "kafkajs";
import { messageOf, TidemarkError } from "../errors.ts";
import { compressionOf } from "./kafka-codecs.ts";
import { type ClientIdentity, isRefusal, refusalOf } from "./kafka-refusals.ts";
import { connectWhole } from "./kafka-socket.ts";
import {
  type Compression,
  decodeFetch,
  encodeFetch,
  type FetchRequest,
  type FetchResponse,
  fetchApi,
  WireError,
} from "./kafka-wire.ts";
import type { LogSettings, LogStream } from "./log.ts";

/** Time for a first contact, milliseconds; beyond it the broker counts as unreachable. */
export const contactMsMax = 6000;
const connectMs = 2500;
const requestMs = 15_000;
const metadataMsMax = 10_000;
/** Readers and questions try again by themselves, on a new connection. */
const readRetry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 3 };
/** A topic that takes timestamps so far ahead takes any. */
const unlimitedMs = 366 * 24 * 60 * 60 * 1000;
/**
 * Half a minute without a broker. Only kafkajs itself can send again without doubling, so retries are left to it.
 */
const appendRetry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 33 };
/** The same line of kafkajs's log is passed on once in this time. */
const repeatMs = 30_000;

export interface KafkaOptions {
  /** `host:port` of any brokers of the cluster. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly ssl?: kafkajs.KafkaConfig["ssl"];
  readonly sasl?: kafkajs.SASLOptions;
  /** How appended records are compressed; default: not at all. */
  readonly compression?: Compression;
  /** Called with one line when the connection is in trouble, and when it has recovered. */
  readonly warn?: (message: string) => void;
  /** A reader fails after this long without an answer from any broker, milliseconds; default: one minute. */
  readonly outageMsMax?: number;
}

/** Kafka's protocol errors and kafkajs's own: the fields that are used. */
interface KafkaError {
  readonly name: string;
  readonly message: string;
  readonly type?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/**
 * kafkajs 2.2.4's inner client, which it hands to a partition assigner: the way to a fetch without a consumer
 * group.
 */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number; leader: number }[];
  findBroker(of: { nodeId: string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  fetchTopicsOffset(
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number }[];
      fromBeginning?: boolean;
    }[],
  ): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>;
}

interface Broker {
  readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>>;
  readonly connectionPool: { send<T>(request: ProtocolRequest<T>): Promise<T> };
}

interface ProtocolRequest<T> {
  readonly request: {
    apiKey: number;
    apiVersion: number;
    apiName: string;
    encode(): Promise<{ buf: Buffer; buffer: Buffer }>;
  };
  readonly response: { decode(payload: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
  readonly requestTimeout?: number;
  readonly logResponseError?: boolean;
}

/** Makes kafkajs's clients with one set of settings. */
export class KafkaClient {
  readonly brokers: string;
  readonly warn: (message: string) => void;
  readonly #kafka: kafkajs.Kafka;
  readonly #appendKafka: kafkajs.Kafka;
  readonly #compression: kafkajs.CompressionTypes;
  readonly #identity: ClientIdentity;
  /** What to check where it does not answer. */
  readonly #hint: string;

  constructor(options: KafkaOptions) {
    this.brokers = options.brokers.join(", ");
    this.warn = options.warn ?? (() => undefined);
    const { ssl, sasl } = options;
    this.#identity = {
      user: sasl && "username" in sasl ? sasl.username : null,
      certificate: typeof ssl === "object" && ssl.cert !== undefined,
    };
    this.#hint = ssl ? ", and whether it speaks TLS at this port" : ", and whether it asks for ssl or sasl";
    this.#compression = compressionOf(options.compression ?? "none");
    const config: kafkajs.KafkaConfig = {
      clientId: options.clientId ?? "tidemark",
      brokers: [...options.brokers],
      ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
      ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
      connectionTimeout: connectMs,
      requestTimeout: requestMs,
      socketFactory: connectWhole,
      logLevel: kafkajs.logLevel.WARN,
      logCreator: () => quietly(this.warn),
    };
    this.#kafka = new kafkajs.Kafka({ ...config, retry: readRetry });
    this.#appendKafka = new kafkajs.Kafka({ ...config, retry: appendRetry });
  }

  /** A connected cluster that knows the topic. The caller disconnects it. */
  async cluster(topic: string): Promise<Cluster> {
    const cluster = this.#newCluster();
    try {
      await cluster.connect();
      await cluster.addTargetTopic(topic);
      return cluster;
    } catch (error) {
      await cluster.disconnect().catch(() => undefined);
      throw error;
    }
  }

  /**
   * kafkajs makes the inner client with a consumer and shows it to the consumer's assigner; the consumer itself
   * is never used.
   */
  #newCluster(): Cluster {
    let cluster: Cluster | undefined;
    this.#kafka.consumer({
      groupId: "tidemark-no-group",
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMsMax,
      partitionAssigners: [
        (config) => {
          cluster = config.cluster as unknown as Cluster;
          return {
            name: "none",
            version: 0,
            assign: async () => [],
            protocol: () => ({ name: "none", metadata: Buffer.alloc(0) }),
          };
        },
      ],
    });
    if (!cluster) throw new Error("kafkajs no longer hands its cluster to a partition assigner; version 2.2.4 does");
    return cluster;
  }

  /** Creates the topic, which may take a moment to have leaders; fine when it exists. */
  async createTopic({ topic, partitions, retentionMs }: LogStream): Promise<void> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      // log time has to be the log's own: a producer's clock may be wrong, or its events old
      const configEntries = [{ name: "message.timestamp.type", value: "LogAppendTime" }];
      // Kafka removes whole segments, and never the newest
      if (retentionMs === Number.POSITIVE_INFINITY) configEntries.push({ name: "retention.ms", value: "-1" });
      else if (retentionMs !== undefined)
        configEntries.push(
          { name: "retention.ms", value: String(retentionMs) },
          { name: "segment.ms", value: String(Math.ceil(retentionMs / 4)) },
        );
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, configEntries }],
        waitForLeaders: false,
      });
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Null where this client may not see them (it needs DescribeConfigs on the topic). */
  async topicSettings(topic: string): Promise<LogSettings | null> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const names = ["cleanup.policy", "message.timestamp.type", "message.timestamp.after.max.ms"];
      const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: names };
      const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
      const values = new Map(
        resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
      );
      // brokers before Kafka 3.6 know the last one by another name, and have no limit by default
      const ahead = Number(values.get(names[2]!) ?? Number.MAX_SAFE_INTEGER);
      return {
        compacted: (values.get(names[0]!) ?? "").split(",").some((policy) => policy.trim() === "compact"),
        anyTimestamp: values.get(names[1]!) !== "LogAppendTime" && ahead > unlimitedMs,
      };
    } catch (error) {
      // what does not pass is a right that is not given, or a broker that does not know the question
      if (isTrouble(error) || isUnknownTopic(error)) throw error;
      return null;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /**
   * A connected producer that retries without doubling, as long as one send at a time is awaited and it is
   * dropped after a failed one.
   */
  async producer(): Promise<kafkajs.Producer> {
    const producer = this.#appendKafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMsMax,
      createPartitioner: () => (args) => args.message.partition ?? 0,
      retry: appendRetry,
    });
    await producer.connect();
    return producer;
  }

  get compression(): kafkajs.CompressionTypes {
    return this.#compression;
  }

  /** The error of a request without an answer: the broker refuses this client, or can't be reached. */
  unreachable(error: unknown): TidemarkError {
    const refusal = refusalOf(error, this.brokers, this.#identity);
    if (refusal) return refusal;
    return new TidemarkError(
      "LOG_UNREACHABLE",
      `cannot reach Kafka at ${this.brokers}: ${messageOf(error)}`,
      `check that the broker runs and that the address is right${this.#hint}`,
      { brokers: this.brokers },
      error,
    );
  }
}

/**
 * The whole error list of Kafka is long; these mean that the broker or the connection is in trouble, not the
 * request.
 */
const troubles = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSNumberOfRetriesExceeded",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSLockTimeout",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSNoBrokerAvailableError",
]);

/** True when trying again may help. */
export function isTrouble(error: unknown): boolean {
  if (error instanceof TidemarkError || error instanceof WireError || isRefusal(error)) return false;
  const { name, retriable, cause } = error as KafkaError;
  return retriable === true || troubles.has(name) || (cause instanceof Error && troubles.has(cause.name));
}

export function isUnknownTopic(error: unknown): boolean {
  const { type, cause } = error as KafkaError;
  return type === "UNKNOWN_TOPIC_OR_PARTITION" || (cause instanceof Error && isUnknownTopic(cause));
}

/** One fetch from one broker. Sent as bytes of our own over kafkajs's connection. */
export async function fetchFrom(cluster: Cluster, nodeId: string, request: FetchRequest): Promise<FetchResponse> {
  const broker = await cluster.findBroker({ nodeId });
  requireVersion(broker, fetchApi.key, fetchApi.version, "Fetch");
  return send(broker, fetchApi.key, fetchApi.version, "Fetch", encodeFetch(request), decodeFetch);
}

const metadataKey = 3;
const metadataVersion = 10;

/**
 * The topic's id, a UUID in hexadecimal, from the metadata API in version 10 (Kafka 2.8 and later; kafkajs stops at 6).
 *
 * @returns null from a broker that has none
 */
export async function topicId(cluster: Cluster, topic: string): Promise<string | null> {
  const broker = await cluster.findControllerBroker();
  if ((broker.versions[metadataKey]?.maxVersion ?? 0) < metadataVersion) return null;
  const name = Buffer.from(topic);
  const body = Buffer.concat([
    Buffer.from([0]), // header: no tagged fields
    Buffer.from([2]), // one topic
    Buffer.alloc(16), // named, not by id
    uvarint(name.length + 1),
    name,
    Buffer.from([0, 0, 0, 0, 0]), // no tags; no creation, no authorized operations; no tags
  ]);
  const id = await send(broker, metadataKey, metadataVersion, "Metadata", body, decodeTopicId);
  return /^0+$/.test(id) ? null : id;
}

function decodeTopicId(bytes: Buffer): string {
  let at = 1 + 4; // header tags, throttle time
  const length = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value - 1;
    }
  };
  const skipText = (): void => {
    const size = length();
    at += Math.max(size, 0);
  };
  const skipTags = (): void => {
    if (bytes[at++] !== 0) throw new WireError("the metadata response has fields unknown here");
  };
  for (let brokers = length(); brokers > 0; brokers--) {
    at += 4;
    skipText();
    at += 4;
    skipText();
    skipTags();
  }
  skipText(); // cluster id
  at += 4; // controller
  if (length() !== 1) throw new WireError("the metadata response does not name the topic");
  at += 2; // error code: the id of a topic that has none is zero
  skipText();
  return bytes.toString("hex", at, at + 16);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function requireVersion(broker: Broker, key: number, version: number, name: string): void {
  const range = broker.versions[key];
  if (!range || version < range.minVersion || version > range.maxVersion) {
    throw new WireError(`the broker does not know version ${version} of Kafka's ${name} API (Kafka 2.3 and later do)`);
  }
}

function send<T>(
  broker: Broker,
  apiKey: number,
  apiVersion: number,
  apiName: string,
  body: Buffer,
  decode: (payload: Buffer) => T,
): Promise<T> {
  return broker.connectionPool.send({
    // kafkajs's encoder, with the fields that its writer uses
    request: { apiKey, apiVersion, apiName, encode: async () => ({ buf: body, buffer: body }) },
    response: { decode: async (payload) => decode(payload), parse: async (decoded) => decoded },
    logResponseError: false,
  });
}

/** What reaches the caller as an error anyway, happens on closing, or advises on a setting that is chosen here. */
const noise = /^(Response |Limiting retries|Connection error: write after end)/;

/** kafkajs's log as warnings, each line once in a while. */
function quietly(warn: (message: string) => void): (entry: kafkajs.LogEntry) => void {
  const said = new Map<string, number>();
  return ({ level, log }) => {
    if (level > kafkajs.logLevel.WARN || noise.test(log.message)) return;
    const line = `kafkajs: ${log.message}${log.error ? `: ${String(log.error)}` : ""}`;
    const now = Date.now();
    if (now - (said.get(line) ?? Number.NEGATIVE_INFINITY) < repeatMs) return;
    said.set(line, now);
    if (said.size > 1000) said.clear();
    warn(line);
  };
}
