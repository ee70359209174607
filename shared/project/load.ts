import { basename, resolve } from "node:path";
import { TidemarkError } from "../errors.ts";
import { runConfigFile } from "./config-file.ts";
import { checkFrom, readConsumers } from "./consumers.ts";
import { checkBrokers, readLogSection } from "./log-config.ts";
import type { Project } from "./project.ts";
import { readReferences } from "./references.ts";
import { isTimeZone, readCron } from "./schedule.ts";
import { checkInteger, invalid, Section } from "./section.ts";
import { readSources } from "./sources.ts";
import { readStreams } from "./streams.ts";
import { tableViews } from "./table-views.ts";
import { readViews } from "./views.ts";

export interface LoadOptions {
  /** The project's folder. */
  readonly dir: string;
  /** The data folder, from a flag; relative to the working directory. */
  readonly dataDir?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It may have no streams yet. */
  readonly isNew?: boolean;
  readonly flags?:
    | {
        readonly host?: string | undefined;
        readonly port?: number | undefined;
        readonly withoutKeys?: boolean | undefined;
        readonly brokers?: readonly string[] | undefined;
      }
    | undefined;
}

type Settings = Pick<LoadOptions, "env" | "flags">;

/**
 * Reads a project's folder and checks all of it. Flags go before the environment, that before the file, that
 * before the defaults; an environment variable that is set but empty counts as absent.
 *
 * @throws TidemarkError CONFIG_MISSING without a configuration file; CONFIG_INVALID for whatever is wrong,
 *   naming the file and the place in it; USAGE for a bad flag
 */
export async function loadProject(options: LoadOptions): Promise<Project> {
  const dir = resolve(options.dir);
  const { file, value } = await runConfigFile(dir);
  const config = Section.of(file, "", value, [
    "name",
    "streams",
    "sources",
    "consumers",
    "log",
    "batch",
    "speed",
    "serve",
  ]);
  const name = config.text("name") ?? basename(dir);
  const streams = await readStreams(config, !options.isNew);
  const sources = readSources(config, name, streams, { dir, env: options.env });
  const consumers = readConsumers(config, { dir, env: options.env });
  const log = readLog(config, dir, options);
  const batch = readBatch(config);
  const speed = readSpeed(config);
  const serve = readServe(config, options);
  const references = await readReferences(dir, streams);
  const views = await readViews(dir, [
    ...streams.map((stream) => ({ name: stream.name, what: "stream" as const })),
    ...references.map((table) => ({ name: table.name, what: "reference table" as const })),
  ]);
  const all = [...views, ...tableViews(streams, basename(file))];
  for (const consumer of consumers) checkFrom(config, consumer, all);
  const dataDir = options.dataDir ?? (options.env.TIDEMARK_DATA || undefined);
  return {
    dir,
    dataDir: dataDir === undefined ? resolve(dir, ".tidemark") : resolve(dataDir),
    name,
    streams,
    sources,
    consumers,
    references,
    views: all,
    log,
    batch,
    speed,
    serve,
  };
}

function readLog(config: Section, dir: string, { env, flags }: Settings): Project["log"] {
  const fromEnv = env.KAFKA_BROKERS?.split(",").map((broker) => broker.trim());
  if (env.KAFKA_BROKERS && fromEnv) checkBrokers("environment KAFKA_BROKERS", fromEnv);
  if (flags?.brokers) asUsage(() => checkBrokers("--brokers", flags.brokers ?? []));
  const given = flags?.brokers ?? (env.KAFKA_BROKERS ? fromEnv : undefined) ?? null;
  return readLogSection(config, { dir, env }, given);
}

function readBatch(config: Section): Project["batch"] {
  const batch = config.section("batch", ["schedule", "archive", "timezone", "keepVersions", "memoryLimit"]);
  const timezone = batch.text("timezone") ?? "UTC";
  if (!isTimeZone(timezone)) {
    invalid(
      batch.where("timezone"),
      `${JSON.stringify(timezone)} is not a time zone`,
      'use a name such as "UTC" or "Europe/Berlin"',
    );
  }
  const memoryLimit = batch.text("memoryLimit") ?? "4GB";
  if (!/^[1-9]\d*(\.\d+)?\s*[KMGT]i?B$/i.test(memoryLimit)) {
    invalid(batch.where("memoryLimit"), `${JSON.stringify(memoryLimit)} is not a size`, 'write "4GB" or "512MB"');
  }
  return {
    schedule: readCron(batch, "schedule", "0 2 * * *"),
    archive: readCron(batch, "archive", "*/5 * * * *"),
    timezone,
    keepVersions: batch.integer("keepVersions", 1) ?? 7,
    memoryLimit,
  };
}

function readSpeed(config: Section): Project["speed"] {
  const speed = config.section("speed", ["flushMsMax", "shards"]);
  return { flushMsMax: speed.integer("flushMsMax", 1) ?? 200, shards: speed.integer("shards", 1) ?? 1 };
}

function readServe(config: Section, { env, flags }: Settings): Project["serve"] {
  const serve = config.section("serve", ["host", "port", "withoutKeys", "requestsPerSecond", "cors"]);
  const written = { host: serve.text("host"), port: serve.integer("port", 0, portMax) };
  const port = env.PORT ? checkPort("environment PORT", env.PORT) : undefined;
  if (flags?.port !== undefined) asUsage(() => checkInteger("--port", flags.port, 0, portMax));
  return {
    host: flags?.host ?? (env.HOST || undefined) ?? written.host ?? "127.0.0.1",
    port: flags?.port ?? port ?? written.port ?? 7070,
    withoutKeys: flags?.withoutKeys || (serve.flag("withoutKeys") ?? false),
    requestsPerSecond: serve.integer("requestsPerSecond", 1) ?? null,
    cors: readOrigins(serve),
  };
}

function readOrigins(serve: Section): readonly string[] {
  const origins = serve.texts("cors") ?? [];
  const bad = origins.find((origin) => !/^https?:\/\/[^\s/?#*]+$/.test(origin));
  if (bad !== undefined)
    invalid(serve.where("cors"), `${JSON.stringify(bad)} is not an origin`, 'write "https://example.org"');
  return origins;
}

const portMax = 65_535;

function checkPort(where: string, text: string): number {
  return checkInteger(where, /^\d+$/.test(text) ? Number(text) : text, 0, portMax);
}

/** A flag is checked as a setting is, but it is the command line that has to change. */
function asUsage(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    throw new TidemarkError("USAGE", error.message, error.todo, error.facts);
  }
}
