/**
 * The package's "tidemark" export: what a project's tidemark.config.ts imports. Types only, plus an identity
 * function that makes an editor check them; the values are checked by `loadProject`, which a plain JavaScript
 * config meets too.
 */

/** Rows that change, by key: a stream whose records say what a row was and what it is. */
export interface ChangelogConfig {
  kind: "changelog";
  /** Fields of a row → DuckDB type; a trailing "?" makes one nullable. */
  fields: Record<string, string>;
  /** Field, or fields, that identify a row. */
  key: string | string[];
  /** A source's table, "shop:public.customers". Default: rows are sent over HTTP and by `tidemark load`. */
  from?: string;
  /** Default 4. */
  partitions?: number;
}

/** A stream: a named, typed, partitioned sequence of events. */
export interface StreamConfig {
  kind?: "events";
  /**
   * Field name → DuckDB type; a trailing "?" makes a field nullable, DEFAULT says what it is where a record has none:
   * `{ delay: "BIGINT", note: "VARCHAR?", seats: "INTEGER DEFAULT 1" }`.
   */
  fields: Record<string, string>;
  /** Field that chooses an event's partition. Default: the id, or round robin. */
  key?: string;
  /** Field with the event time. */
  time?: string;
  /** Field with the event's id. */
  id?: string;
  /**
   * Window of duplicate suppression, e.g. "1 hour": an event whose id counted so much log time before, in its
   * partition, does not count again. Needs `id`.
   */
  dedup?: string;
  /**
   * SQL over a record's JSON, called `event`, that gives the JSON of an event with these fields; for records of
   * an older or another shape: `"CASE WHEN event->>'v' = '1' THEN json_merge_patch(event, json_object('seats',
   * 1)) ELSE event END"`.
   */
  upcast?: string;
  /** Default 4. */
  partitions?: number;
  /** An existing Kafka topic to read; without it the topic has the stream's name and is created where it is missing. */
  topic?: string;
}

export type SaslConfig =
  | { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string; password: string }
  /** `token`: "file:PATH", read again for each connection. */
  | { mechanism: "oauthbearer"; token: string }
  /** Tokens by OAuth's client credentials. */
  | { mechanism: "oauthbearer"; tokenUrl: string; clientId: string; clientSecret: string; scope?: string };

/** Where events are kept. Absent: the embedded log. */
export interface LogConfig {
  /** Kafka's bootstrap brokers, "host:port" each. */
  brokers?: string[];
  /** TLS: true, or with certificates in PEM ("file:PATH", "env:NAME", or as they are; a key is never written here). */
  ssl?: boolean | { ca?: string; cert?: string; key?: string; servername?: string };
  /** Secrets as "env:NAME" or "file:PATH". */
  sasl?: SaslConfig;
  /** How Kafka knows this client. Default "tidemark". */
  clientId?: string;
  /** Of what is appended to Kafka. Default "none". */
  compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** How long the embedded log keeps what is archived already, e.g. "36 hours". Default "7 days". */
  retention?: string;
}

export interface BatchConfig {
  /** Cron expression of the full recompute. Default "0 2 * * *". */
  schedule?: string;
  /** Cron expression of archiving. Default "*\/5 * * * *". */
  archive?: string;
  /** IANA time zone of the schedules and of the views. Default "UTC". */
  timezone?: string;
  /** How many versions stay. Default 7. */
  keepVersions?: number;
  /** Memory of the recompute, e.g. "4GB" (the default); beyond it DuckDB spills to disk. */
  memoryLimit?: string;
}

export interface SpeedConfig {
  /** Longest time an event waits before it is flushed, ms. Default 200. */
  flushMsMax?: number;
  /** Into how many shards the streaming work is split. Default 1. */
  shards?: number;
}

export interface ServeConfig {
  /** Default "127.0.0.1". */
  host?: string;
  /** Default 7070; 0 takes any free one. */
  port?: number;
  /** Let others in without API keys, where the address can be reached by them. */
  withoutKeys?: boolean;
  /** Of one client (a key, or an address); default: any number. */
  requestsPerSecond?: number;
  /** Origins whose pages may ask, e.g. "https://example.org"; default: none. */
  cors?: string[];
}

/** A store that is kept equal to a view, by `tidemark deliver`. */
export interface ConsumerConfig {
  /** A view's name, or a changelog's. */
  from: string;
  to:
    | {
        /** PostgreSQL's URL, with user and password: "env:NAME" or "file:PATH"; it is never written here. */
        postgres: string;
        /** With its schema; made, and changed, by `tidemark deliver`. */
        table: string;
        /** A tsvector of columns of text, with an index. Column "search", language "simple" by default. */
        search?: { of: string[]; column?: string; language?: string };
      }
    | {
        /** The URL of a Redis or Valkey, as above. */
        redis: string;
        /** Of the keys. */
        prefix: string;
        /** Of a row that changes its key has the row's JSON, or is removed. Default "rows". */
        keep?: "rows" | "nothing";
      };
}

/** A database whose tables changelogs follow. */
export interface SourceConfig {
  /** PostgreSQL's URL, with user and password: "env:NAME" or "file:PATH"; it is never written here. */
  postgres: string;
  /** Its replication slot. Default: tidemark_<project>_<source>; made where it is missing. */
  slot?: string;
  /** Its publication. Default: named as the slot; made where it is missing, of the tables that streams follow. */
  publication?: string;
  /** How often it is written to, so that one without changes keeps no WAL. Default "10 seconds". */
  heartbeat?: string;
  /** Cron expression, by `batch.timezone`, of the comparison with the tables; false: never. Default "0 4 * * *". */
  verify?: string | false;
  /**
   * Events that the application commits together with its rows: in a table with the columns id (uuid), aggregatetype
   * (a stream's name), aggregateid, type and payload (a JSON object), or as messages of this prefix with the same.
   */
  outbox?: { table?: string; remove?: boolean; messages?: string };
}

export interface TidemarkConfig {
  /** Default: the folder's name. */
  name?: string;
  sources?: Record<string, SourceConfig>;
  consumers?: Record<string, ConsumerConfig>;
  streams: Record<string, StreamConfig | ChangelogConfig>;
  log?: LogConfig;
  batch?: BatchConfig;
  speed?: SpeedConfig;
  serve?: ServeConfig;
}

/** Gives back its argument; there so that an editor completes and checks the configuration. */
export function defineConfig(config: TidemarkConfig): TidemarkConfig {
  return config;
}
