/** Real processes, killed at random moments or stopped for a while, over the embedded log or a real broker. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Broker, brokerAvailable, startBroker } from "../../demo/broker/broker.ts";
import { type Fault, type FaultOptions, type FaultReport, randomOf } from "./fault.ts";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const perLoad = 200;
/** A run with this many stops also has some that last longer than any patience. */
const longStopEvery = 20;
const longStopMs = 62_000;

/** A child of ours; what it says last is kept for a failure's message. */
class Child {
  readonly child: ChildProcess;
  readonly done: Promise<number | null>;
  out = "";
  err = "";

  constructor(args: readonly string[]) {
    const { KAFKA_BROKERS: _b, TIDEMARK_DATA: _d, LOG_LEVEL: _l, ...env } = process.env;
    this.child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout!.on("data", (text: Buffer) => {
      this.out += text.toString();
    });
    this.child.stderr!.on("data", (text: Buffer) => {
      this.err = (this.err + text.toString()).slice(-4000);
    });
    this.done = new Promise((resolve) => this.child.once("close", resolve));
  }

  get lives(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }
}

interface Options extends FaultOptions {
  readonly brokers: string | null;
  /** Stopped and continued instead of killed. */
  readonly stops: boolean;
}

class Killing {
  readonly #options: Options;
  readonly #random: () => number;
  readonly #dir = mkdtempSync(join(tmpdir(), "tidemark-kills-"));
  readonly #roles = new Map<string, Child>();
  #loads = 0;
  #url = "";
  #last = 0;
  readonly facts: Record<string, number> = { kills: 0, loads: 0, answers: 0, "loads again": 0, versions: 0 };
  readonly failures: string[] = [];

  constructor(options: Options) {
    this.#options = options;
    this.#random = randomOf(options.seed);
    mkdirSync(join(this.#dir, "views"));
    const log = options.brokers ? `log: { brokers: [${JSON.stringify(options.brokers)}] },` : "";
    writeFileSync(
      join(this.#dir, "tidemark.config.mjs"),
      `export default { name: "kills", ${log} streams: { events: { fields: { e: "VARCHAR", g: "VARCHAR", x: "BIGINT" }, id: "e", dedup: "1 hour", key: "e", partitions: 3 } }, serve: { port: 0 }, speed: { shards: 2, flushMsMax: 50 } };`,
    );
    writeFileSync(join(this.#dir, "views/groups.sql"), "SELECT g, count(*) AS n, sum(x) AS s FROM events GROUP BY g");
    writeFileSync(
      join(this.#dir, "views/total.sql"),
      "SELECT count(*) AS n, sum(x) AS s, count(DISTINCT e) AS d FROM events",
    );
  }

  #start(name: string, args: readonly string[]): Child {
    const child = new Child([...args, "--project", this.#dir]);
    this.#roles.set(name, child);
    if (name === "serve") this.#url = "";
    return child;
  }

  /** Every role runs; whichever was killed is started again. */
  #tend(): void {
    for (const role of ["speed", "serve", "speed of shard 1"]) {
      if (this.#roles.get(role)?.lives) continue;
      this.#start(role, role === "serve" ? ["serve"] : role === "speed" ? ["speed"] : ["speed", "--shard", "1"]);
    }
    if (!this.#roles.get("batch")?.lives) this.#start("batch", ["batch", "--once"]);
  }

  /** The next events, again and again under their own request id until a load says that it is done. */
  async #load(): Promise<void> {
    const file = join(this.#dir, "events.ndjson");
    const first = this.#loads * perLoad;
    const lines = Array.from({ length: perLoad }, (_, i) =>
      JSON.stringify({ e: `e${first + i}`, g: `g${(first + i) % 5}`, x: first + i }),
    );
    writeFileSync(file, `${lines.join("\n")}\n`);
    for (let tries = 0; tries < 30; tries++) {
      const child = this.#start("load", ["load", "events", file, "--request-id", `load-${this.#loads}`]);
      const code = await child.done;
      if (code === 0) {
        this.#loads++;
        this.facts.loads!++;
        return;
      }
      this.facts["loads again"]!++;
      // a load that is killed has said nothing; one that fails says why in one line
      if (code !== null && !/^error: /m.test(child.err)) this.#fail(`a load ended with ${code}: ${child.err.trim()}`);
    }
    throw new Error(`load ${this.#loads} does not come through`);
  }

  #fail(what: string): void {
    this.failures.push(`SEED=${this.#options.seed}, after ${this.facts.kills} kills: ${what}`);
  }

  /**
   * An answer of serve, if it gives one: n events are the first n of some interleaving, so s and d show whether
   * any is lost or doubled.
   */
  async #ask(): Promise<number | null> {
    const serve = this.#roles.get("serve");
    this.#url ||= /listening at (http:\S+?)["\s]/.exec(`${serve?.err ?? ""} `)?.[1] ?? "";
    if (!this.#url || !serve?.lives) return null;
    try {
      const response = await fetch(`${this.#url}/v1/views/total`, { signal: AbortSignal.timeout(3000) });
      if (response.status !== 200) return null;
      const { data } = (await response.json()) as { data: { n: number; s: number | null; d: number }[] };
      const { n, d, s } = data[0]!;
      this.facts.answers!++;
      if (n !== d) this.#fail(`${n} events, of which ${d} are different`);
      if (n > (this.#loads + 1) * perLoad) this.#fail(`${n} events of at most ${(this.#loads + 1) * perLoad}`);
      if (n === (this.#loads + 1) * perLoad && s !== (n * (n - 1)) / 2) this.#fail(`${n} events have the sum ${s}`);
      return n;
    } catch {
      return null;
    }
  }

  async run(): Promise<FaultReport> {
    const { n, say, stops } = this.#options;
    try {
      let loading = Promise.resolve();
      let over = false;
      const loads = async () => {
        while (!over) await this.#load();
      };
      loading = loads();
      loading.catch((error: unknown) => this.#fail(String(error)));
      while (this.facts.kills! < n) {
        this.#tend();
        await sleep(300 + this.#random() * 900);
        const names = [...this.#roles.keys()].filter((name) => this.#roles.get(name)!.lives);
        const name = names[Math.floor(this.#random() * names.length)];
        if (name === undefined) continue;
        const { child } = this.#roles.get(name)!;
        if (stops) {
          child.kill("SIGSTOP");
          const forLong = n >= longStopEvery && this.facts.kills! % longStopEvery === longStopEvery - 1;
          if (forLong) this.facts["for a minute"] = (this.facts["for a minute"] ?? 0) + 1;
          await sleep(forLong ? longStopMs : 300 + this.#random() * 6000 * (this.#random() < 0.3 ? 1 : 0.1));
          child.kill("SIGCONT");
        } else child.kill("SIGKILL");
        this.facts.kills!++;
        const answered = await this.#ask();
        if (answered !== null) this.#last = Math.max(this.#last, answered);
        if (this.facts.kills! % 20 === 0)
          say(`${this.facts.kills} ${stops ? "stops" : "kills"}, ${this.#loads} loads, ${this.#last} events answered`);
      }
      over = true;
      await loading;
      await this.#finish();
      return { n: this.facts.kills!, failures: this.failures, facts: this.facts };
    } finally {
      for (const { child } of this.#roles.values()) child.kill("SIGKILL");
      await Promise.all([...this.#roles.values()].map((each) => each.done));
      rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Left alone, everything that was loaded is answered, and verify finds every row equal. */
  async #finish(): Promise<void> {
    this.#tend();
    const all = this.#loads * perLoad;
    for (const until = performance.now() + 90_000; ; await sleep(200)) {
      this.#tend();
      if ((await this.#ask()) === all) break;
      if (performance.now() > until) {
        this.#fail(
          `the end is not answered: ${this.#last} of ${all}; ${[...this.#roles].map(([name, each]) => `${name}: ${each.err.trim().split("\n").at(-1)}`).join(" | ")}`,
        );
        return;
      }
    }
    await this.#roles.get("batch")!.done;
    const batch = new Child(["batch", "--once", "--json", "--project", this.#dir]);
    if ((await batch.done) !== 0) this.#fail(`the last batch failed: ${batch.err.trim()}`);
    else {
      const made = JSON.parse(batch.out) as { version: number; events: number; proof: { state: string } };
      this.facts.versions = made.version;
      if (made.events !== all) this.#fail(`the last batch has ${made.events} events of ${all}`);
    }
    const verify = new Child(["verify", "--project", this.#dir]);
    if ((await verify.done) !== 0) this.#fail(`verify: ${verify.out} ${verify.err}`);
    const files = new Child(["verify", "--files", "--project", this.#dir]);
    if ((await files.done) !== 0) this.#fail(`verify --files: ${files.out} ${files.err}`);
  }
}

async function overKafka(options: FaultOptions, stops: boolean): Promise<FaultReport> {
  const lacking = brokerAvailable();
  if (lacking !== null) return { n: 0, failures: [], facts: {}, skipped: lacking };
  let broker: Broker | null = null;
  try {
    broker = await startBroker();
    return await new Killing({ ...options, brokers: broker.brokers, stops }).run();
  } finally {
    await broker?.stop();
  }
}

const promise = "no event is lost or doubled, whichever process dies when";
const roles = "speed (two processes), serve, batch and load";

export const kills: Fault = {
  name: "kills",
  promise,
  how: `SIGKILL at random moments to ${roles}, embedded log`,
  full: 500,
  short: 8,
  run: (options) => new Killing({ ...options, brokers: null, stops: false }).run(),
};

export const killsOverKafka: Fault = {
  name: "kills-kafka",
  promise,
  how: `SIGKILL at random moments to ${roles}, a real broker`,
  full: 500,
  short: 4,
  run: (options) => overKafka(options, false),
};

export const zombies: Fault = {
  name: "zombies",
  promise: "a process that was stopped and continued does no harm",
  how: `SIGSTOP, some seconds or a minute, SIGCONT to ${roles}, embedded log`,
  full: 100,
  short: 4,
  run: (options) => new Killing({ ...options, brokers: null, stops: true }).run(),
};
