/**
 * Much of one thing, the rest as small as ever: processes start, answers go on through new versions and are
 * right, memory and files are bounded.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "../../ingest/producer.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { messageOf } from "../../shared/errors.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";
import { stream } from "../support/view-case.ts";
import { Daemon, lastLines, runVerb } from "./daemon.ts";
import type { Fault } from "./fault.ts";
import { residentOf } from "./measure.ts";
import { Asker, ask } from "./sizes/asker.ts";
import { Meter } from "./sizes/meter.ts";
import { type Question, type Size, sizes as table } from "./sizes/table.ts";
import { strange } from "./syscalls/world.ts";

const msMax = 600_000;
const restMsMax = 120_000;
/** Sockets and what is just being read; a version that left a single file open would be more after a hundred. */
const filesMore = 16;

export const sizes: Fault = {
  name: "sizes",
  promise:
    "much of anything is slower at most: it starts, switches without a gap, answers right, in bounded memory and files",
  how: `speed, serve and batch as processes, questions all the time through new versions; in turn ${table.map(({ full, of }) => `${full.toLocaleString("en")} ${of}`).join(", ")} (N: percent of that)`,
  full: 100,
  short: 4,
  run: async ({ n, say }) => {
    if (residentOf(process.pid) === null)
      return { n: 0, failures: [], facts: {}, skipped: "/proc does not show a process's memory" };
    const failures: string[] = [];
    const facts: Record<string, string> = {};
    for (const size of n < 100 ? twoOf(table) : table) {
      const count = Math.max(1, Math.round((size.full * n) / 100));
      const dir = mkdtempSync(join(tmpdir(), "tidemark-sizes-"));
      const run = new SizeRun(size, count, dir, n < 100 ? 1 : 2);
      const what = `${count} ${size.of}`;
      try {
        await run.run();
      } catch (error) {
        failures.push(`${what}: ${messageOf(error)}`);
      } finally {
        await run.close();
        rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
      }
      failures.push(...run.failures.map((failure) => `${what}: ${failure}`));
      facts[`for ${what}`] = run.seen();
      say(`${what}: ${run.seen()}`);
    }
    return { n: Object.keys(facts).length, failures, facts };
  },
};

/** Others each time; SHARE=… chooses. */
function twoOf<T>(all: readonly T[]): readonly T[] {
  const first = Number(process.env.SHARE || 1);
  return all.filter((_, i) => (i + first) % all.length < 2);
}

class SizeRun {
  readonly failures: string[] = [];
  readonly #size: Size;
  readonly #count: number;
  readonly #versions: number;
  readonly #args: readonly string[];
  readonly #log: EmbeddedLog;
  readonly #stream: StreamDefinition;
  readonly #meter = new Meter();
  readonly #daemons: Daemon[] = [];
  readonly #ms: Record<string, number> = {};
  #asker: Asker | null = null;
  #sent = 0;

  /** @param versions how many are made one by one */
  constructor(size: Size, count: number, dir: string, versions: number) {
    this.#size = size;
    this.#versions = versions;
    this.#count = count;
    const project = join(dir, "project");
    mkdirSync(join(project, "views"), { recursive: true });
    const fields = size.fields(count);
    const partitions = size.partitions?.(count) ?? 1;
    const config = { name: "sizes", streams: { events: { fields, partitions } }, serve: { port: 0 } };
    writeFileSync(join(project, "tidemark.config.mjs"), `export default ${JSON.stringify(config)};`);
    for (const [name, sql] of Object.entries(size.views(count)))
      writeFileSync(join(project, "views", `${name}.sql`), sql);
    this.#args = ["--project", project, "--data", join(dir, "data")];
    this.#log = new EmbeddedLog(join(dir, "data", "log"));
    this.#stream = { ...stream("events", fields), partitions };
  }

  async run(): Promise<void> {
    const [size, count] = [this.#size, this.#count];
    await this.#append();
    await this.#batch("first batch");
    this.#start("speed");
    const serve = this.#start("serve");
    await this.#timed("start", () => this.#until(async () => (await fetch(`${await serve.url(restMsMax)}/readyz`)).ok));
    const url = await serve.url(restMsMax);
    const all = size.all(count);
    await this.#right(url, all);
    const filesBefore = this.#meter.openFiles;
    const asker = new Asker(
      url,
      (i) => size.asked(i, count),
      () => this.#sent,
    );
    this.#asker = asker;
    const newest = 1 + (size.inARow?.(count) ?? this.#versions);
    await this.#timed("all versions", async () => {
      for (let version = 2; version <= newest; version++) {
        await this.#append();
        if (!size.inARow) await this.#right(url, [size.asked(1, count)]);
        await this.#batch("batch");
        if (!size.inARow || version === newest)
          await this.#timed("until served", () => this.#until(async () => asker.version >= version));
      }
    });
    await this.#right(url, all);
    await asker.stop();
    this.failures.push(...asker.failures, ...(await this.#meter.left(filesBefore, filesMore)));
    this.#judge();
  }

  async close(): Promise<void> {
    await this.#asker?.stop();
    await Promise.all(this.#daemons.map((daemon) => daemon.stop()));
    this.#meter.close();
    await this.#log.close();
  }

  /** What was measured, in words. */
  seen(): string {
    const seconds = Object.entries(this.#ms).map(([what, ms]) => `${what} ${(ms / 1000).toFixed(1)} s`);
    const { answers = 0, slowestMs = 0, silentMs = 0 } = this.#asker ?? {};
    const slowest = `${answers} answers, slowest ${Math.round(slowestMs)} ms, longest without one ${Math.round(silentMs)} ms`;
    return [...seconds, slowest, ...this.#meter.seen()].join(", ");
  }

  async #append(): Promise<void> {
    const more = this.#size.events(this.#count);
    const before = this.#sent;
    this.#sent += more;
    const producer = await Producer.open(this.#log, this.#stream);
    for (let i = before; i < before + more; i++) await producer.add(Buffer.from(this.#size.event(i, this.#count)));
    await producer.flush();
  }

  async #batch(what: string): Promise<void> {
    const { code, signal, err } = await this.#timed(what, () =>
      runVerb(["batch", "--once", ...this.#args], msMax, { started: (pid) => this.#meter.watch("batch", () => pid) }),
    );
    const odd = oddIn(err);
    if (code !== 0) throw new Error(`batch --once ended with ${signal ?? code}: ${lastLines(err)}`);
    if (odd) this.failures.push(`batch said: ${odd}`);
  }

  #start(role: "speed" | "serve"): Daemon {
    const daemon = new Daemon([role, ...this.#args]);
    this.#daemons.push(daemon);
    this.#meter.watch(role, () => daemon.pid);
    return daemon;
  }

  /** Every question's answer counts all events in all rows, in time. */
  async #right(url: string, questions: readonly Question[]): Promise<void> {
    for (const question of questions) {
      let seen = { events: 0, rows: 0 };
      await this.#until(async () => {
        seen = await ask(url, question);
        return seen.events === this.#sent;
      }).catch((error: unknown) => {
        throw new Error(`${question.path} counts ${seen.events} of ${this.#sent} events: ${messageOf(error)}`);
      });
      if (seen.rows !== question.rows) this.failures.push(`${question.path} has ${seen.rows} rows of ${question.rows}`);
    }
  }

  /** The longest of its kind is kept. */
  async #timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const done = await work();
    this.#ms[what] = Math.max(this.#ms[what] ?? 0, performance.now() - began);
    return done;
  }

  async #until(done: () => Promise<boolean>): Promise<void> {
    for (const until = performance.now() + msMax; performance.now() < until; await sleep(20)) {
      if (await done()) return;
      const [end] = this.#daemons.flatMap(({ ends }) => ends);
      if (end) throw new Error(end);
    }
    throw new Error(`not within ${msMax} ms`);
  }

  #judge(): void {
    this.failures.push(...this.#meter.tooMuch());
    for (const daemon of this.#daemons) {
      const odd = oddIn(daemon.err);
      if (odd) this.failures.push(`a daemon said: ${odd}`);
      this.failures.push(...daemon.ends);
    }
  }
}

/** Output that is not worth reading. */
function oddIn(err: string): string | null {
  return strange(err) ?? err.split("\n").find((line) => /Warning|\[INTERNAL\]/.test(line)) ?? null;
}
