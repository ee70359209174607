import { messageOf, TidemarkError } from "../shared/errors.ts";
import { Stopped } from "./stop.ts";

export interface BoundaryOptions {
  /** Print an error as one JSON object {code, message, todo, facts}. */
  readonly json: boolean;
  /** Print the stack below the error's line. */
  readonly debug: boolean;
}

/**
 * Ends the process with the exit code of its work, after everything printed is out. The only place where an
 * error becomes text: one line that says what, where and what to do.
 *
 * @param signal work that ends well after this aborted ends with the signal's exit code
 */
export async function runToExit(
  work: () => Promise<number>,
  signal: AbortSignal,
  options: BoundaryOptions,
): Promise<never> {
  const fail = (error: unknown) => {
    process.stderr.write(`${describe(error, options)}\n`);
    return error instanceof TidemarkError ? error.exitCode : 1;
  };
  // A reader that closes the pipe early (`| head`) is no failure.
  process.stdout.on("error", (error) => process.exit(isClosedPipe(error) ? 0 : fail(error)));
  process.stderr.on("error", () => undefined);
  process.on("uncaughtException", (error) => process.exit(fail(error)));
  const stopCode = () => (signal.reason instanceof Stopped ? signal.reason.exitCode : 0);
  let code: number;
  try {
    code = (await work()) || stopCode();
  } catch (error) {
    code = isBreakOff(error, signal) ? stopCode() : fail(error);
  }
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

/** True for an error that work throws because it was stopped. */
function isBreakOff(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

function describe(error: unknown, { json, debug }: BoundaryOptions): string {
  const known = error instanceof TidemarkError;
  const message = messageOf(error) || "an error without a message";
  const todo = known ? error.todo : "LOG_LEVEL=debug shows where it comes from";
  const stack = debug && error instanceof Error ? (error.stack ?? "") : "";
  if (json) {
    const code = known ? error.code : "INTERNAL";
    const facts = { ...(known ? error.facts : {}), ...(stack ? { stack } : {}) };
    return JSON.stringify({ code, message, todo, facts }, (_name, value) =>
      typeof value === "bigint" ? value.toString() : value,
    );
  }
  const line = `error: ${known ? error.line : `${message}; ${todo} [INTERNAL]`}`;
  return stack ? `${line}\n${stack}${cause(error)}` : line;
}

function cause(error: unknown): string {
  const inner = error instanceof Error ? error.cause : undefined;
  return inner instanceof Error ? `\ncaused by ${inner.stack ?? inner.message}${cause(inner)}` : "";
}

/** True when the reader of a pipe has closed it. */
export function isClosedPipe(error: Error): boolean {
  return "code" in error && error.code === "EPIPE";
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => stream.write("", () => done()));
}
