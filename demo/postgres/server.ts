/** PostgreSQL servers of their own, on 127.0.0.1 and a socket, for as long as a demo or a test runs. */
import { type ChildProcess, execFile, execFileSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";
import { watchOver } from "../watch-over.ts";

const run = promisify(execFile);
const binaries = process.env.POSTGRES_BIN || "/usr/lib/postgresql/15/bin";

export interface PostgresServer {
  readonly port: number;
  readonly url: string;
  /** What statements return, as psql writes it without headings. @param variables that the text names as :name */
  sql(text: string, variables?: Readonly<Record<string, string>>): Promise<string>;
  /** With what was set since. */
  restart(): Promise<void>;
  /** Puts the data folder back to what it was when `copy` was called. */
  copy(): Promise<{ restore(): Promise<void> }>;
  /** On a new timeline, as after a failover. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Null where a server can be started here, else why not. */
export function postgresLacking(): string | null {
  if (existsSync(join(binaries, "initdb"))) return null;
  return "PostgreSQL 15 is not installed (apt-get install postgresql-15; POSTGRES_BIN is where another's initdb is)";
}

export interface ServerSettings {
  /** Replication slots, and connections that read them. */
  readonly slots?: number;
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startPostgres({ slots = 10, settings = {} }: ServerSettings = {}): Promise<PostgresServer> {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-postgres-"));
  const isRoot = process.getuid?.() === 0;
  // a server refuses to run as root
  if (isRoot) {
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
    chownSync(dir, uid!, gid!);
  }
  const as = (program: string, args: readonly string[]) =>
    isRoot
      ? run("runuser", ["-u", "postgres", "--", program, ...args], { cwd: dir })
      : run(program, [...args], { cwd: dir });
  const data = join(dir, "data");
  const own = (program: string, args: readonly string[]) => as(join(binaries, program), args);
  const port = await freePort();
  const all = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: dir,
    fsync: "off",
    wal_level: "logical",
    max_replication_slots: String(slots),
    max_wal_senders: String(slots),
    max_connections: String(3 * slots + 20),
    max_prepared_transactions: "5",
    ...settings,
  };
  const options = [`-p ${port}`, ...Object.entries(all).map(([name, value]) => `-c ${name}=${value}`)].join(" ");
  let watcher: ChildProcess | null = null;
  const start = async () => {
    await own("pg_ctl", ["-D", data, "-w", "-l", join(dir, "server.txt"), "-o", options, "start"]);
    const pid = Number.parseInt(readFileSync(join(data, "postmaster.pid"), "utf8"), 10);
    watcher = watchOver({ pid, signal: "SIGQUIT", folder: dir });
  };
  const end = async (mode: "fast" | "immediate") => {
    watcher?.kill("SIGKILL");
    await own("pg_ctl", ["-D", data, "-w", "-m", mode, "stop"]);
  };
  const initdb = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  const stop = async () => {
    await end("immediate").catch(() => {});
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await own("initdb", initdb);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: `postgres://postgres:secret@127.0.0.1:${port}/postgres`,
    sql: (text, variables = {}) => psql(port, text, variables),
    restart: async () => {
      await end("fast");
      await start();
    },
    copy: async () => {
      await end("fast");
      const copied = join(dir, "copied");
      await as("cp", ["-a", data, copied]);
      await start();
      return {
        restore: async () => {
          await end("fast");
          rmSync(data, { recursive: true });
          cpSync(copied, data, { recursive: true, preserveTimestamps: true });
          if (isRoot) execFileSync("chown", ["-R", "postgres", data]);
          await start();
        },
      };
    },
    promote: async () => {
      await end("fast");
      await as("touch", [join(data, "standby.signal")]);
      await start();
      await own("pg_ctl", ["-D", data, "-w", "promote"]);
    },
    stop,
  };
}

async function psql(port: number, text: string, variables: Readonly<Record<string, string>>): Promise<string> {
  const given = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  const address = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres"];
  const args = [...address, "-XAtq", "-v", "ON_ERROR_STOP=1", ...given];
  const child = run("psql", args, { maxBuffer: 64 << 20 });
  child.child.stdin!.end(text);
  return (await child).stdout;
}
