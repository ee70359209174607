import type { Logger } from "pino";
import type { Project } from "../shared/project/project.ts";
import { isClosedPipe } from "./boundary.ts";
import { openLogger } from "./logger.ts";
import type { Options } from "./options.ts";

/** The surroundings of a verb. Data goes to `out`, remarks to `say`, a daemon's log to `log`. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Print machine-readable data. */
  readonly json: boolean;
  /** True when standard error is a terminal, the only place for progress bars. */
  readonly progress: boolean;
  /** Writes to standard error, at LOG_LEVEL. */
  readonly log: Logger;
  /**
   * Aborts at SIGINT and SIGTERM; a daemon then closes what it opened and returns 0. The exit code is made from
   * the signal.
   */
  readonly signal: AbortSignal;
  /**
   * The project, read once, with flags and environment applied.
   * @param isNew it may have no streams yet
   */
  project(isNew?: boolean): Promise<Project>;
  /**
   * Writes to standard output exactly what it is given, line ends included. Resolves when it is written: await it, in
   * pieces of some kilobytes, and a slow reader holds the verb back instead of filling memory.
   */
  out(data: string | Uint8Array): Promise<void>;
  /** One line for a person, on standard error. */
  say(line: string): void;
}

/** @throws TidemarkError CONFIG_INVALID for an unknown LOG_LEVEL */
export function createContext(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Context {
  let project: Promise<Project> | undefined;
  return {
    env,
    json: options.json,
    progress: process.stderr.isTTY === true,
    log: openLogger(env),
    signal,
    project: (isNew = false) => {
      project ??= readProject(options, env, isNew);
      return project;
    },
    out: write,
    say: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

function write(data: string | Uint8Array): Promise<void> {
  return new Promise((done, fail) => {
    process.stdout.write(data, (error) => {
      if (!error) done();
      // The reader has closed the pipe; the error reaches the boundary, which ends the process.
      else if (!isClosedPipe(error)) fail(error);
    });
  });
}

/** Imported lazily: a verb that needs no project starts without DuckDB and jiti. */
async function readProject(
  { project: dir, data: dataDir, host, port, brokers, withoutKeys }: Options,
  env: Readonly<Record<string, string | undefined>>,
  isNew: boolean,
): Promise<Project> {
  const { loadProject } = await import("../shared/project/load.ts");
  return loadProject({ dir, dataDir, env, isNew, flags: { host, port, brokers, withoutKeys } });
}
