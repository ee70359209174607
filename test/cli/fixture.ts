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
  compiler: async () => {
    // not at the top: the other endings need not wait for DuckDB
    const { Compiler } = await import("../../shared/compiler/compile.ts");
    const { Duck } = await import("../../shared/duckdb/duck.ts");
    const { failingSession } = await import("../support/failing-session.ts");
    const duck = await Duck.open();
    const failing = failingSession(await duck.session());
    const compiler = await Compiler.open(failing.session, []);
    failing.failAfter(0, new TypeError("reading 'k0' of undefined"));
    await compiler.compile({ name: "v", file: "views/v.sql", sql: "SELECT 1", description: "" });
    return 0;
  },
  loose: async () => {
    setTimeout(() => Promise.reject(new Error("unhandled here")), 1);
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
