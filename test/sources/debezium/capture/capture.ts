/** Lets Debezium read a PostgreSQL server in every mode, through a restart that repeats changes. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type PostgresServer, postgresLacking, startPostgres } from "../../../../demo/postgres/server.ts";
import { membersOf } from "../../../../shared/values/json-parts.ts";
import type { Mode } from "./modes.ts";

const here = import.meta.dirname;
const libs = join(here, "../../../../.cache/debezium-3.6.1.Final/libs");
const waitMsMax = 240_000;
const tables = ["by_key", "by_row", "lists", "edges", "emptied"] as const;

/** A record as Connect's JSON converter writes it, with the schema beside each value. */
export interface CapturedRecord {
  readonly topic: string;
  /** JSON texts. */
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | null;
  readonly value: string | null;
}

/** By table: rows as PostgreSQL's texts. */
export type Expected = Readonly<Record<string, readonly Readonly<Record<string, string | null>>[]>>;

export interface Captured {
  readonly records: ReadonlyMap<string, readonly CapturedRecord[]>;
  readonly expected: Expected;
}

/** Null where it can be captured here, else why not. */
export function captureLacking(): string | null {
  const lacking = postgresLacking();
  if (lacking !== null) return lacking;
  for (const program of existsSync(libs) ? ["java"] : ["java", "mvn"]) {
    try {
      execFileSync(program, ["--version"], { stdio: "ignore" });
    } catch {
      return `${program} is not installed`;
    }
  }
  return null;
}

/** @param folder that is empty */
export async function capture(modes: readonly Mode[], folder: string): Promise<Captured> {
  await fetchJars();
  const server = await startPostgres({ slots: modes.length + 2 });
  try {
    const text = (name: string) => readFileSync(join(here, `${name}.sql`), "utf8");
    const both = async (name: string) => {
      for (const table of ["by_key", "by_row"]) await server.sql(text(name), { table });
    };
    await server.sql(text("tables"));
    await both("rows");
    await server.sql(text("before"));
    const run = (commits: boolean, changes: () => Promise<void>, end: "stop" | "halt") =>
      engines(server, modes, folder, { commits, changes, end });
    await run(true, async () => {}, "stop");
    // no offset is committed, so that all of it comes again
    await run(false, () => both("changes").then(async () => void (await server.sql(text("others")))), "halt");
    await run(true, () => both("later"), "stop");
    return {
      records: new Map(modes.map(({ name }) => [name, recordsIn(join(folder, `${name}.properties.out`))])),
      expected: await rowsOf(server),
    };
  } finally {
    await server.stop();
  }
}

interface Stage {
  readonly commits: boolean;
  readonly changes: () => Promise<void>;
  readonly end: "stop" | "halt";
}

let marks = 0;

async function engines(server: PostgresServer, modes: readonly Mode[], folder: string, stage: Stage): Promise<void> {
  for (const mode of modes) {
    writeFileSync(join(folder, `${mode.name}.properties`), properties(server, mode, folder, stage.commits));
  }
  const options = [
    "-Xmx1g",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Duser.timezone=UTC",
    "-cp",
    join(libs, "*"),
  ];
  const child = spawn("java", [...options, join(here, "Capture.java"), folder], { stdio: ["pipe", "pipe", "pipe"] });
  const said: string[] = [];
  child.stdout.on("data", (text: Buffer) => void said.push(text.toString()));
  child.stderr.on("data", (text: Buffer) => void said.push(text.toString()));
  try {
    const active = "SELECT count(*) FROM pg_replication_slots WHERE active";
    await until(child, said, async () => Number(await server.sql(active)) === modes.length);
    const files = modes.map(({ name }) => join(folder, `${name}.properties.out`));
    const arrived = async () => {
      const mark = `mark-${++marks}`;
      const lacking = () => files.filter((file) => !readFileSync(file, "utf8").includes(`"prefix":"${mark}"`));
      const isIn = async () => {
        if (lacking().length === 0) return true;
        // again, for a slot that was being made
        await server.sql(`SELECT pg_logical_emit_message(true, '${mark}', 'here')`);
        await sleep(800);
        return false;
      };
      await until(child, said, isIn, lacking);
    };
    await stage.changes();
    await arrived();
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.stdin.write(stage.end);
    await ended;
    const idle = "SELECT count(*) FROM pg_replication_slots WHERE active";
    for (let i = 0; i < 100 && Number(await server.sql(idle)) > 0; i++) await sleep(100);
  } finally {
    child.kill("SIGKILL");
  }
}

async function until(
  child: ChildProcess,
  said: readonly string[],
  is: () => Promise<boolean>,
  lacking: () => readonly string[] = () => [],
): Promise<void> {
  for (const end = performance.now() + waitMsMax; !(await is()); await sleep(200)) {
    if (child.exitCode === null && child.signalCode === null && performance.now() < end) continue;
    throw new Error(`Debezium did not come so far: ${lacking().join(" ")} ${said.join("").slice(-4_000)}`);
  }
}

function properties(server: PostgresServer, mode: Mode, folder: string, commits: boolean): string {
  const slot = mode.name.replaceAll("-", "_");
  return Object.entries({
    name: mode.name,
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
    "offset.storage.file.filename": join(folder, `${mode.name}.offsets`),
    "capture.commits": commits,
    "database.hostname": "127.0.0.1",
    "database.port": server.port,
    "database.user": "postgres",
    "database.password": "none",
    "database.dbname": "postgres",
    "topic.prefix": "shop",
    "plugin.name": "pgoutput",
    "slot.name": slot,
    "publication.name": "captured",
    "publication.autocreate.mode": "disabled",
    "table.include.list": tables.map((table) => `public.${table}`).join(","),
    "decimal.handling.mode": mode.decimals,
    "time.precision.mode": mode.times,
    "interval.handling.mode": "string",
    "binary.handling.mode": mode.binary,
    "skipped.operations": "none",
    "provide.transaction.metadata": mode.decimals === "precise",
    // several engines of one process are distinguished by it
    "custom.metric.tags": `mode=${mode.name}`,
    "heartbeat.interval.ms": 1000,
    "value.converter.schemas.enable": "true",
    "value.converter.replace.null.with.default": mode.nulls === "replaced",
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function recordsIn(file: string): CapturedRecord[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const members = membersOf(line);
    const textOf = (name: string) => (members.get(name) === "null" ? null : members.get(name)!);
    return {
      topic: JSON.parse(members.get("topic")!) as string,
      headers: Object.fromEntries([...membersOf(members.get("headers")!)].filter(([name]) => /key$/.test(name))),
      key: textOf("key"),
      value: textOf("value"),
    };
  });
}

/** Of lists, JSON. */
async function rowsOf(server: PostgresServer): Promise<Expected> {
  const session =
    "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 3;";
  const rows = await Promise.all(
    tables.map(async (table) => {
      const columns = await server.sql(
        `SELECT quote_ident(attname), format_type(atttypid, atttypmod) LIKE '%[]' FROM pg_attribute
         WHERE attrelid = '${table}'::regclass AND attnum > 0 ORDER BY attnum`,
      );
      const pairs = columns
        .trimEnd()
        .split("\n")
        .map((line) => {
          const [name, isList] = line.split("|");
          const output = isList === "t" ? `to_json(${name})::text` : `format('%s', ${name})`;
          return `'${name}', CASE WHEN ${name} IS NOT NULL THEN ${output} END`;
        });
      const found = await server.sql(`${session} SELECT json_build_object(${pairs.join(", ")}) FROM ${table}`);
      return [
        table,
        found.trimEnd() === ""
          ? []
          : found
              .trimEnd()
              .split("\n")
              .map((line) => JSON.parse(line)),
      ];
    }),
  );
  return Object.fromEntries(rows) as Expected;
}

/** Copies the jars once; of several processes that do so at a time, the first to finish wins. */
async function fetchJars(): Promise<void> {
  if (existsSync(libs)) return;
  mkdirSync(dirname(libs), { recursive: true });
  const scratch = mkdtempSync(join(dirname(libs), "libs-"));
  try {
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${scratch}`, "-DincludeScope=runtime"];
    await promisify(execFile)("mvn", ["--batch-mode", "--quiet", "--file", join(here, "pom.xml"), ...goal], {
      maxBuffer: 16 << 20,
    });
    renameSync(scratch, libs);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    if (!existsSync(libs)) throw error;
  }
}
