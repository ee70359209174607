/** A verb's work of every ending, behind the real boundary: `fixture.ts <ending> [--json]`. */
import { setTimeout as sleep } from "node:timers/promises";
import { runToExit } from "../../cli/boundary.ts";
import { createContext } from "../../cli/context.ts";
import { listenForStop } from "../../cli/stop.ts";
import { TidemarkError } from "../../shared/errors.ts";

const [ending = "", flag] = process.argv.slice(2);
const json = flag === "--json";
const signal = listenForStop();
const context = createContext({ project: ".", json }, process.env, signal);
const stopped = new Promise<void>((done) => signal.addEventListener("abort", () => done()));

/** Keeps the process alive: a promise alone does not. */
async function untilStopped(): Promise<void> {
  const alive = setInterval(() => undefined, 1000);
  context.say("ready");
  await stopped;
  clearInterval(alive);
}

const endings: Record<string, () => Promise<number>> = {
  done: async () => {
    await context.out("data\n");
    context.log.info({ events: 3n.toString() }, "talk");
    return 0;
  },
  differs: async () => 1,
  known: async () => {
    throw new TidemarkError("VIEW_UNKNOWN", "no view is named x", "name one of a, b", { view: "x", offset: 2n ** 60n });
  },
  bug: async () => {
    throw new TypeError("first line\nsecond line");
  },
  loose: async () => {
    setTimeout(() => Promise.reject(new Error("nobody caught this")), 1);
    await untilStopped();
    return 0;
  },
  clean: async () => {
    await untilStopped();
    context.say("closed");
    return 0;
  },
  brokenOff: async () => {
    await untilStopped();
    signal.throwIfAborted();
    return 0;
  },
  failsClosing: async () => {
    await untilStopped();
    throw new TidemarkError("STORE_CORRUPT", "cannot close");
  },
  hangs: async () => {
    await untilStopped();
    context.say("closing");
    await sleep(60_000);
    return 0;
  },
  floods: async () => {
    for (;;) await context.out("x".repeat(10_000));
  },
};

await runToExit(endings[ending]!, signal, { json, debug: process.env.LOG_LEVEL === "debug" });
