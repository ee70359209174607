/** The serving daemon: a server that listens until it is stopped. */
import type { FastifyInstance } from "fastify";
import { Duck } from "../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import type { Mount } from "../shared/http/mount.ts";
import type { Log } from "../shared/log/log.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { hostsFor } from "./http/access/guard.ts";
import { KeyFile } from "./http/access/key-file.ts";
import type { AnswerFacts, HttpLimits } from "./http/api.ts";
import { openServer } from "./server.ts";

export interface ServeOptions {
  readonly store: Store;
  readonly log: Log;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly memoryLimit: string;
  /** The file of API keys; it need not exist. */
  readonly keyFile: string;
  /** Allows a public address without any keys. */
  readonly withoutKeys: boolean;
  readonly limits: HttpLimits;
  /** Routes of other rooms. */
  readonly mounts: readonly Mount[];
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly answered?: (facts: AnswerFacts) => void;
  readonly signal: AbortSignal;
  readonly onListening?: (url: string) => void;
}

/**
 * Runs until the signal aborts. There must be a version (see ensureVersion).
 * @throws SERVE_PORT when it can't listen; SERVE_NOTHING, STORE_CORRUPT when no version can be loaded
 */
export async function runServe(options: ServeOptions): Promise<void> {
  const { store, host, port, now, say, signal } = options;
  const keys = await KeyFile.open(options.keyFile, say);
  const hosts = await hostsFor(host, keys, options.withoutKeys);
  const timezone = (await newestVersion(store))?.definition.timezone ?? "UTC";
  using duck = await Duck.open({ memoryLimit: options.memoryLimit, tempDir: store.scratch("spill"), timezone });
  await using server = await openServer({ ...options, duck, access: { keys, hosts, now } });
  const running = server.run();
  // awaited below, once it listens: until then a failure must not be an unhandled rejection
  running.catch(() => undefined);
  options.onListening?.(await listen(server.app, host, port));
  await Promise.race([running, aborted(signal)]);
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: "the port is in use",
      EACCES: "permission denied",
      EADDRNOTAVAIL: "this machine does not have that address",
      ENOTFOUND: "the host is not known",
    };
    const code = String((error as NodeJS.ErrnoException).code);
    throw new TidemarkError(
      "SERVE_PORT",
      `cannot listen on ${host}:${port}: ${why[code] ?? messageOf(error)}`,
      "choose another --port (0 takes any free one) or --host",
      { host, port },
      error,
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
