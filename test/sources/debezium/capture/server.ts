/** A PostgreSQL server of its own on 127.0.0.1, for as long as something is captured from it. */
import { execFile, execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const binaries = "/usr/lib/postgresql/15/bin";

export interface Server {
  readonly port: number;
  /** What statements return, as psql writes it without headings. @param variables that the text names as :name */
  sql(text: string, variables?: Readonly<Record<string, string>>): Promise<string>;
  stop(): Promise<void>;
}

/** Null where a server can be started here, else why not. */
export function serverLacking(): string | null {
  return existsSync(join(binaries, "initdb")) ? null : "PostgreSQL 15 is not installed";
}

export async function startServer(slots: number): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-postgres-"));
  const isRoot = process.getuid?.() === 0;
  // a server refuses to run as root
  if (isRoot) {
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
    chownSync(dir, uid!, gid!);
  }
  const as = (program: string, args: readonly string[]) =>
    isRoot
      ? run("runuser", ["-u", "postgres", "--", join(binaries, program), ...args], { cwd: dir })
      : run(join(binaries, program), [...args], { cwd: dir });
  const data = join(dir, "data");
  await as("initdb", ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
  const port = await freePort();
  const options = [
    `-p ${port} -k ${dir} -c listen_addresses=127.0.0.1 -c fsync=off -c wal_level=logical`,
    `-c max_replication_slots=${slots} -c max_wal_senders=${slots} -c max_connections=${3 * slots + 20}`,
  ].join(" ");
  await as("pg_ctl", ["-D", data, "-w", "-l", join(dir, "server.txt"), "-o", options, "start"]);
  const stop = async (): Promise<void> => {
    await as("pg_ctl", ["-D", data, "-m", "immediate", "stop"]).catch(() => {});
    rmSync(dir, { recursive: true, force: true });
  };
  return {
    port,
    stop,
    sql: async (text, variables = {}) => {
      const given = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
      const args = [
        "-h",
        "127.0.0.1",
        "-p",
        String(port),
        "-U",
        "postgres",
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        ...given,
      ];
      const child = run("psql", args, { maxBuffer: 64 << 20 });
      child.child.stdin!.end(text);
      return (await child).stdout;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
