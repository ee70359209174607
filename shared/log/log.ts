/**
 * The log contract. One small surface, three implementations (memory: the specification; embedded: LMDB; kafka:
 * kafkajs), all held to `test/log/conformance.ts`.
 *
 * Offsets are non-negative safe integers. Everywhere, an array indexed by partition holds *next* offsets.
 * Offsets of neighbouring records may have gaps (transaction markers, compaction); only `upto` says how far a
 * reader has come.
 */

/** A stream as the log needs to know it. */
export interface LogStream {
  readonly name: string;
  /** Topic name in Kafka; the stream's name where the project gives none. */
  readonly topic: string;
  /** True when the topic must exist already (the project named it); it is then never created. */
  readonly existing: boolean;
  /** Partitions to create; ignored when the stream exists already. */
  readonly partitions: number;
  /** Of a stream that is made: how long its records are needed, ms or Infinity; absent: what the log does by itself. */
  readonly retentionMs?: number;
}

/** What the log says about a stream at first contact; kept by the store as the stream's origin. */
export interface LogOrigin {
  /** Kafka's topic id, or an id of the embedded log's own: a recreated topic has another one. */
  readonly id: string;
  /** First readable offset of each partition; its length is the partition count. */
  readonly first: readonly number[];
}

/**
 * Who appended a record, and as which of its records to this partition: what was appended twice, because an
 * answer was lost, has one effect. `request` names one producer or one request; `sequence` counts from 0 in
 * each partition.
 */
export interface RequestId {
  readonly request: string;
  readonly sequence: number;
}

/** Neighbouring records of a batch from one request, with ascending sequence numbers. */
export interface RequestRun extends RequestId {
  /** Place of the first of them in the batch; `sequence` is its own. */
  readonly index: number;
  readonly count: number;
}

/** One record to append. `partition` is the caller's choice (see partitioner.ts), never the log's. */
export interface NewRecord {
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: RequestId;
}

/** One record read back. `timestamp` is milliseconds since the epoch, within `[0, stampMax]` (see log-time.ts). */
export interface LogRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: RequestId;
}

/**
 * Consecutive records of one partition: everything the log holds in `[from, upto)`. `upto > from` always; there
 * may be no record (only markers).
 */
export interface RecordBatch {
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
  readonly count: number;
  /** Offset of each record, ascending. */
  readonly offsets: Float64Array;
  /** Log timestamp of each record, milliseconds. */
  readonly timestamps: Float64Array;
  /**
   * All values, each followed by one `\n`, when every value is present and free of line breaks; else null.
   * This is how bytes reach DuckDB without a loop over records.
   */
  readonly lines: Buffer | null;
  /** Sum of key and value bytes. */
  readonly bytes: number;
  /** Which records carry a request id, in order; empty where none does. */
  readonly requests: readonly RequestRun[];
  /** The records one by one (the slow way; keys and headers are only here). */
  records(): readonly LogRecord[];
}

/** Reads forward from the offsets it was opened at. Not safe for concurrent `next` calls. */
export interface LogReader {
  /**
   * Whatever can be read now, at most about `maxBytes` (one batch always fits), fairly over partitions; waits
   * up to `waitMs` for the first record and answers `[]` when there is none. Batches of one partition are in
   * order and adjacent: each starts where the one before ended.
   * @throws LOG_RANGE when a next offset is no longer (or not yet) in the log; never skips silently
   */
  next(maxBytes: number, waitMs: number): Promise<RecordBatch[]>;
  close(): Promise<void>;
}

/** How the log treats a stream's records. */
export interface LogSettings {
  /** It removes records whose key was written again: a later read returns other records than an earlier one. */
  readonly compacted: boolean;
  /** Any producer may stamp a record with any future time. */
  readonly anyTimestamp: boolean;
}

export interface Log {
  /** "memory", "embedded" or "kafka": for messages and metrics. */
  readonly kind: string;

  /**
   * Finds the stream, creating it unless `existing`.
   * @throws LOG_STREAM_MISSING, LOG_UNREACHABLE (within 10 s, naming the broker)
   */
  ensure(stream: LogStream): Promise<LogOrigin>;

  /** Settings of a stream that exists; null where the log has none or does not disclose them. */
  settings(stream: LogStream): Promise<LogSettings | null>;

  /**
   * Appends and returns when the records are durable. Per partition, records keep their order.
   * @returns the next offset after the last appended record, for each partition that was written
   * @throws LOG_APPEND when it can't be known that every record arrived (some may have)
   */
  append(stream: LogStream, records: readonly NewRecord[]): Promise<Map<number, number>>;

  /** Opens a reader at `from` (partition → next offset); only these partitions are read. */
  read(stream: LogStream, from: ReadonlyMap<number, number>): Promise<LogReader>;

  /** First readable offset of each partition (what retention has left). */
  first(stream: LogStream): Promise<number[]>;

  /**
   * End position: the next offset of each partition, counting only what readers may see (durable; committed
   * transactions).
   */
  end(stream: LogStream): Promise<number[]>;

  /**
   * Lets the log forget everything below these offsets (partition → first offset to keep). The embedded and
   * memory logs do; Kafka keeps its own retention and ignores it. Idempotent; never forgets more than asked.
   */
  trim(stream: LogStream, below: ReadonlyMap<number, number>): Promise<void>;

  close(): Promise<void>;
}
