import { constants } from "node:os";

/** How long a clean shutdown may take before the process is ended anyway. */
const patienceMs = 5000;

/** The reason with which `signal` aborts; interrupted work may throw it. */
export class Stopped extends Error {
  readonly exitCode: number;

  constructor(name: NodeJS.Signals) {
    super(`stopped by ${name}`);
    this.name = "Stopped";
    this.exitCode = 128 + constants.signals[name];
  }
}

/**
 * A signal that aborts, with a `Stopped` as its reason, at the first SIGINT or SIGTERM. A second one, or five
 * seconds, end the process at once.
 */
export function listenForStop(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    const reason = new Stopped(name);
    if (controller.signal.aborted) process.exit(reason.exitCode);
    setTimeout(() => process.exit(reason.exitCode), patienceMs).unref();
    controller.abort(reason);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/** Resolves as `work` does, but rejects with the signal's reason as soon as it aborts, without waiting for the work. */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    // a verb may wait many times
    signal.removeEventListener("abort", stop);
  }
}
