/** The bench's own project: one stream of web-shop events and three views over it, as a user would write them. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Definition, StreamDefinition } from "../shared/definition.ts";
import type { Log, NewRecord } from "../shared/log/log.ts";
import { partitionOf } from "../shared/log/partitioner.ts";
import { makeDefinition } from "../shared/project/definition.ts";
import { loadProject } from "../shared/project/load.ts";
import type { Project } from "../shared/project/project.ts";
import { logStream } from "../shared/store/origin.ts";

const config = `export default {
  name: "bench",
  streams: {
    events: {
      fields: {
        ts: "TIMESTAMP", device: "VARCHAR", kind: "VARCHAR", visitor: "BIGINT",
        ms: "BIGINT", bytes: "BIGINT", price: "DECIMAL(9,2)", ok: "BOOLEAN",
      },
      key: "device",
      time: "ts",
      partitions: 4,
    },
  },
};
`;

/** A grouping of few keys, one of thousands an hour, and one with everything that is evaluated after the merge. */
const views: Readonly<Record<string, string>> = {
  kinds: "SELECT kind, count(*) AS events, sum(bytes) AS bytes, sum(ms) AS ms FROM events GROUP BY kind",
  devices:
    "SELECT device, date_trunc('hour', ts) AS hour, count(*) AS events, sum(price) AS revenue FROM events GROUP BY device, hour",
  quality:
    "SELECT kind, ok, avg(ms) AS mean_ms, min(price) AS cheapest, max(price) AS dearest, " +
    "count(*) FILTER (WHERE ms > 500) AS slow FROM events GROUP BY kind, ok HAVING count(*) > 10",
};

/** Millions of groups: what does not fit in memory. */
export const spillingView =
  "SELECT visitor, device, count(*) AS events, sum(price) AS revenue FROM events GROUP BY visitor, device";

const kinds = ["view", "search", "basket", "payment", "login", "logout", "review", "return"] as const;
const devices = 4000;
export const partitions = 4;
/** Events are this far apart in event time, so that five million in the log, or twenty in the archive, cover a day. */
const stepMs = 17;
const archiveStepMs = 4;
const epochMs = Date.UTC(2026, 0, 1);

/** The same events, as rows of DuckDB: a SELECT over `range(count)`, for partition `p`. */
export function eventRows(p: number, from: number, upto: number): string {
  const n = `(i * ${partitions} + ${p})`;
  const roll = (salt: number) => `(hash(${n} + ${salt}) >> 8)`;
  return (
    `SELECT make_timestamp((${epochMs} + ${n} * ${archiveStepMs}) * 1000::BIGINT) AS ts, ` +
    `'device-' || lpad((${roll(1)} % ${devices})::VARCHAR, 4, '0') AS device, ` +
    `[${kinds.map((kind) => `'${kind}'`).join(", ")}][1 + (${roll(2)} % ${kinds.length})::INTEGER] AS kind, ` +
    `(${roll(3)} % 10000000)::BIGINT AS visitor, (${roll(4)} % 1000)::BIGINT AS ms, (${roll(5)} % 1000000)::BIGINT AS bytes, ` +
    `((${roll(6)} % 100000) / 100)::DECIMAL(9,2) AS price, ${roll(7)} % 10 > 0 AS ok FROM range(${from}, ${upto}) r(i)`
  );
}

/** A small, fast, repeatable source of chance. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Events as producers send them: about 140 bytes of JSON each. */
export class Events {
  readonly #chance = mulberry(42);
  #made = 0;
  #ms = -1;
  #time = "";

  next(device = `device-${String(this.#chance() % devices).padStart(4, "0")}`): NewRecord {
    const ms = epochMs + this.#made++ * stepMs;
    if (ms !== this.#ms) this.#time = new Date(ms).toISOString().slice(0, 23);
    this.#ms = ms;
    const roll = this.#chance();
    const value =
      `{"ts":"${this.#time}","device":"${device}","kind":"${kinds[roll & 7]}","visitor":${this.#chance() % 10_000_000},` +
      `"ms":${(roll >>> 3) % 1000},"bytes":${(roll >>> 5) % 1_000_000},"price":${(this.#chance() % 100_000) / 100},"ok":${roll % 10 > 0}}`;
    const key = Buffer.from(device);
    return { partition: partitionOf(key, partitions), key, value: Buffer.from(value) };
  }

  take(count: number): NewRecord[] {
    return Array.from({ length: count }, () => this.next());
  }
}

/** Writes the project and reads it back as a user's is read. */
async function makeProject(folder: string, brokers: readonly string[] = []): Promise<Project> {
  await mkdir(join(folder, "views"), { recursive: true });
  await writeFile(join(folder, "tidemark.config.mjs"), config);
  for (const [name, sql] of Object.entries(views)) await writeFile(join(folder, "views", `${name}.sql`), `${sql}\n`);
  return loadProject({ dir: folder, env: {}, ...(brokers.length > 0 ? { flags: { brokers } } : {}) });
}

export interface BenchProject {
  readonly project: Project;
  readonly definition: Definition;
  readonly stream: StreamDefinition;
}

export async function make(folder: string, brokers: readonly string[] = []): Promise<BenchProject> {
  const project = await makeProject(folder, brokers);
  const definition = await makeDefinition(project, null);
  return { project, definition, stream: definition.streams[0]! };
}

/** Appends `count` events, several groups at a time. */
export async function fill(log: Log, stream: StreamDefinition, count: number, signal: AbortSignal): Promise<void> {
  await log.ensure(logStream(stream));
  const events = new Events();
  const group = 20_000;
  let underWay: Promise<unknown> = Promise.resolve();
  for (let done = 0; done < count; done += group) {
    signal.throwIfAborted();
    const records = events.take(Math.min(group, count - done));
    await underWay;
    underWay = log.append(logStream(stream), records);
  }
  await underWay;
}
