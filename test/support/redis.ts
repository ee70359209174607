/** A Redis or Valkey of its own, on 127.0.0.1, for as long as a test runs. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../demo/free-port.ts";

export interface RedisServer {
  readonly url: string;
  /** Kills it, and starts it again with what it had written to disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const programs = ["/usr/bin/valkey-server", "/usr/bin/redis-server"];

function program(): string | undefined {
  return programs.find((path) => existsSync(path));
}

/** Installs one where that is possible. @returns null where a server can be started here, else why not */
export function redisLacking(): string | null {
  if (!program() && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    process.stdout.write("consumers: installing redis-server\n");
    // the package starts a server of its own where there is a service manager; ours has another port
    const env = { ...process.env, RUNLEVEL: "1", DEBIAN_FRONTEND: "noninteractive" };
    for (const args of [["update"], ["install", "-y", "--no-install-recommends", "redis-server"]])
      spawnSync("apt-get", args, { stdio: "ignore", env });
  }
  return program() ? null : "no Redis or Valkey is installed (apt-get install redis-server)";
}

/** True where tests that need a server are skipped, which is said; under CI they fail instead. */
export function skipsRedis(tests: string): boolean {
  const lacking = redisLacking();
  if (lacking === null || process.env.CI === "true") return false;
  process.stderr.write(`SKIPPED, not tested here: ${tests}: ${lacking}\n`);
  return true;
}

export async function startRedis(): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-redis-"));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const start = async () => {
    const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir];
    child = spawn(program()!, [...settings, "--appendonly", "yes", "--appendfsync", "always", "--save", ""], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout!.setEncoding("utf8");
    for await (const text of child.stdout!) if (/ready to accept connections/i.test(String(text))) break;
  };
  const end = async () => {
    const ended = once(child!, "exit");
    child!.kill("SIGKILL");
    await ended;
  };
  const killed = () => void child?.kill("SIGKILL");
  process.once("exit", killed);
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    restart: async () => {
      await end();
      await start();
    },
    stop: async () => {
      process.removeListener("exit", killed);
      await end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
