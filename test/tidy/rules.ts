/** What the house keeps to. Where it does not yet, how often: these numbers may only shrink. */

export const rooms = [
  "shared",
  "batch",
  "speed",
  "ingest",
  "sources",
  "serving",
  "deliveries",
  "cli",
  "demo",
  "bench",
  "test",
] as const;

/**
 * What a folder, or a file, may import besides itself; the longest that a file is in counts. An
 * arrow from another room goes to all parts of a room.
 */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  batch: ["shared"],
  speed: ["shared"],
  ingest: ["shared"],
  sources: ["ingest", "shared"],
  // daemon.ts and server.ts put all of it together, and nothing in it imports them
  serving: [
    "shared",
    "serving/health.ts",
    "serving/http",
    "serving/live",
    "serving/model",
    "serving/snapshot",
    "serving/sql",
    "serving/streams",
  ],
  "serving/answer.ts": [
    "shared",
    "serving/client",
    "serving/health.ts",
    "serving/model",
    "serving/question",
    "serving/rows",
    "serving/snapshot",
  ],
  "serving/background-process.ts": [],
  "serving/health.ts": ["shared", "serving/snapshot"],
  "serving/http": [
    "shared",
    "serving/answer.ts",
    "serving/client",
    "serving/dashboard/page",
    "serving/explain",
    "serving/health.ts",
    "serving/live",
    "serving/question",
    "serving/rows",
    "serving/snapshot",
    "serving/sql",
    "serving/streams",
  ],
  "serving/sql": [
    "shared",
    "serving/background-process.ts",
    "serving/client",
    "serving/question",
    "serving/rows",
    "serving/snapshot",
  ],
  "serving/streams": ["shared", "serving/live", "serving/rows", "serving/snapshot"],
  "serving/live": ["shared", "serving/question", "serving/snapshot"],
  "serving/explain": ["shared", "serving/question", "serving/rows", "serving/snapshot"],
  "serving/model": ["shared", "serving/background-process.ts", "serving/question", "serving/rows", "serving/snapshot"],
  "serving/question": ["shared", "serving/rows", "serving/snapshot"],
  "serving/rows": ["shared"],
  "serving/snapshot": ["shared", "serving/client"],
  "serving/client": [],
  "serving/dashboard": ["serving/client"],
  "serving/dashboard/page": [],
  deliveries: ["shared", "serving"],
  cli: ["shared", "batch", "speed", "ingest", "sources", "serving", "deliveries"],
  demo: ["shared", "batch", "speed", "ingest", "serving", "cli"],
  bench: ["shared", "batch", "speed", "ingest", "sources", "serving", "cli", "demo"],
};

/** Who may import a library's values; its types may be named by all. Libraries of one room only are not listed. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  "@bokuweb/zstd-wasm": ["shared/log/kafka-codecs.ts"],
  "@duckdb/node-api": [
    "shared/duckdb/duck.ts",
    "shared/duckdb/raw-strings.ts",
    "shared/decode/place-tables.ts",
    "shared/values/written.ts",
  ],
  "@duckdb/node-bindings": ["serving/rows/raw-column.ts"],
  "apache-arrow": [
    "serving/rows/arrow.ts",
    "ingest/http/arrow-events.ts",
    "serving/client/view.ts",
    "shared/arrow",
    "cli/input/arrow.ts",
  ],
  "cron-parser": ["shared/project/schedule.ts"],
  fastify: ["serving/http/api.ts"],
  fzstd: ["shared/arrow/compression.ts"],
  jiti: ["shared/project/config-file.ts"],
  kafkajs: ["shared/log/kafka-client.ts", "shared/log/kafka-codecs.ts"],
  lmdb: ["shared/lmdb.ts"],
  "lz4-napi": ["shared/log/kafka-codecs.ts"],
  "node-cron": ["shared/keep-time.ts"],
  pg: ["shared/postgres/connection.ts"],
  pino: ["cli/logger.ts"],
  "prom-client": ["serving/http/metrics.ts"],
  snappy: ["shared/log/kafka-codecs.ts"],
};

/** What is said in these places alone, and what to do elsewhere. */
export const onlyIn: readonly {
  readonly what: RegExp;
  readonly places: readonly string[];
  readonly instead: string;
}[] = [
  {
    what: /\bread_parquet\b/,
    // of files that are given, not of the store's
    places: ["shared/store/relation.ts", "shared/project/references.ts", "cli/input/parquet.ts", "demo", "bench"],
    instead: "ask the store for a relation",
  },
  {
    what: /\b(mtimeMs|utimes|linkSync|fs\.link)\b|\bimport \{[^}]*\blink\b[^}]*\} from "node:fs/,
    places: ["shared/store/folder.ts", "shared/store/disk.ts", "shared/owned.ts", "serving/http/access/key-file.ts"],
    instead: "keep, tag or ageMs of the store",
  },
];

/** Columns of code, comments and prose; tables, addresses and what is generated aside. */
export const columnsMax = 120;
export const longLines: Readonly<Record<string, number>> = {
  "README.md": 5,
  batch: 5,
  bench: 8,
  cli: 19,
  demo: 6,
  ingest: 3,
  serving: 99,
  shared: 64,
  test: 231,
};

export const limits = { linesPerFunction: 70, parameters: 5 };
/** Functions beyond them, by file. */
export const largeFunctions: Readonly<Record<string, number>> = {
  "bench/archive-files.ts": 1,
  "bench/big-view.ts": 1,
  "cli/command-line.ts": 1,
  "shared/duplicates/duplicates.ts": 1,
  "shared/health/failing-groups.ts": 1,
  "shared/log/embedded.ts": 1,
  "shared/log/kafka-client.ts": 1,
  "shared/log/kafka-wire.ts": 1,
  "shared/store/partials.ts": 1,
  "speed/compaction.ts": 1,
};

/** Where a wall clock or randomness is asked for itself; all else is given them. */
export const clocks: Readonly<Record<string, number>> = {
  "batch/archive.ts": 2,
  "batch/file-care.ts": 2,
  "batch/opened-run.ts": 1,
  "cli/load/to-server.ts": 1,
  "cli/verbs/keys.ts": 1,
  "serving/http/access/key-file.ts": 2,
  "serving/http/access/keys.ts": 2,
  "serving/http/access/tickets.ts": 1,
  "serving/snapshot/follower.ts": 1,
  "serving/health.ts": 2,
  "ingest/http/ingest.ts": 3,
  "serving/model/read-models.ts": 1,
  "serving/snapshot/answer-reader.ts": 2,
  "serving/sql/children.ts": 2,
  "serving/http/routes/wait-for.ts": 3,
  "shared/source-progress.ts": 2,
  "shared/waiting.ts": 2,
  "shared/duckdb/duck.ts": 1,
  "ingest/append.ts": 2,
  "ingest/producer.ts": 1,
  "ingest/requests.ts": 4,
  "sources/changelog-writer.ts": 3,
  "sources/row-file.ts": 1,
  "deliveries/consumer.ts": 3,
  "deliveries/postgres/table-target.ts": 1,
  "deliveries/redis/cache-target.ts": 2,
  "shared/lmdb.ts": 3,
  "shared/log/embedded.ts": 3,
  "shared/log/kafka-client.ts": 1,
  "shared/log/kafka-reader.ts": 4,
  "shared/log/kafka.ts": 9,
  "shared/log/memory.ts": 3,
  "shared/owned.ts": 2,
  "shared/project/references.ts": 1,
  "shared/store/file-troubles.ts": 1,
  "shared/store/origin.ts": 1,
  "shared/store/runs.ts": 2,
  "shared/store/folder.ts": 2,
  "shared/store/memory.ts": 1,
  "speed/daemon.ts": 5,
  "speed/delta-writer.ts": 2,
  "speed/generation.ts": 1,
  "speed/intake.ts": 2,
  "speed/watch.ts": 5,
};

/** Everyday words that had become terms, and what is written instead. */
export const words: readonly { readonly name: string; readonly word: RegExp; readonly instead: string }[] = [
  { name: "tell", word: /\b(re)?(tells?|told|telling)\b/i, instead: "derive, recompute, report" },
  {
    name: "whoever",
    word: /\b(whoever|whomever|nobody|somebody)\b/i,
    instead: "the one who acts: reader, writer, process, client",
  },
  { name: "hear", word: /\b(hears?|heard)\b/i, instead: "beat, poll" },
  { name: "stand", word: /\b(stands?|stood)\b/i, instead: "is at, for a position" },
  { name: "look", word: /\blook(s|ed)?\b/i, instead: "poll, read, check" },
  { name: "so-many", word: /\b(for so long|so many)\b/i, instead: "the name of the measure: at most `limit`" },
  { name: "made-again", word: /\bma[dk]es? (anew|again)\b/i, instead: "rebuilt, restored, recreated" },
  { name: "blacklist", word: /\b(blacklist|whitelist)/i, instead: "deny list, allow list" },
  { name: "helper", word: /\b(helpers?|misc)\b/i, instead: "what it does" },
  { name: "simply", word: /\b(simply|obviously|just works)\b/i, instead: "nothing" },
];

/** Names that more than one file exports, and how many do; the client's copies mean the same. */
export const sameNames: Readonly<Record<string, number>> = {
  Change: 2,
  Input: 2,
  Options: 2,
  Run: 2,
  furthest: 2,
  jsonText: 2,
  pause: 2,
};

/** How many lines still have such a word, by room and word. */
export const wordsLeft: Readonly<Record<string, number>> = {
  "shared/tell": 1,
  "shared/whoever": 1,
};
