/**
 * Minutes at half of the top speed, with a role killed now and then: answers keep up, memory and files do not
 * grow, and at the end every event is answered once.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "../../ingest/producer.ts";
import { messageOf } from "../../shared/errors.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";
import { stream } from "../support/view-case.ts";
import { Daemon, lastLines, runVerb } from "./daemon.ts";
import { type Fault, type FaultOptions, type FaultReport, randomOf } from "./fault.ts";
import { bytesOf, filesOf, ownMemory, percentile } from "./measure.ts";

const partitions = 3;
/** To find the top speed with, in a run of minutes and in a shorter one. */
const calibrated = { long: 400_000, short: 100_000 };
const killsEveryMs = { long: { least: 8000, spread: 24_000 }, short: { least: 2000, spread: 4000 } };
/** A recompute takes minutes at the end: one that is killed again and again never ends. */
const batchShare = 0.1;
/** Of all events, one in this many comes twice. */
const doubledEvery = 50;
const verbMsMax = 600_000;
/** Longer than a takeover; beyond it answers do not keep up. */
const lagMsMax = 60_000;
/** Ten minutes' worth of generations: a reader that has just read HEAD may still open their files. */
const filesMax = 12_000;
/** What a process's own memory may differ by from one third of the run to the next. */
const grownMax = 96 << 20;
/** In shorter runs a process is still warming up. */
const flatMinutesMin = 9;

const events = { ...stream("events", { e: "VARCHAR", g: "VARCHAR", x: "BIGINT" }), id: "e", dedupMs: 5000, partitions };

export const soak: Fault = {
  name: "soak",
  promise: "at half of the top speed, with kills, answers keep up, memory is flat and files are bounded",
  how: "N minutes of speed, serve and batch (archive every minute, recompute every five) as processes, one of them killed every 8 to 32 s",
  full: 30,
  short: 0.2,
  run: async (options) => {
    if (ownMemory(process.pid) === null)
      return { n: 0, failures: [], facts: {}, skipped: "/proc does not show a process's own memory" };
    const dir = mkdtempSync(join(tmpdir(), "tidemark-soak-"));
    const soaking = new Soaking(options, dir);
    try {
      return await soaking.run();
    } finally {
      await soaking.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    }
  },
};

interface Answered {
  readonly records: number;
  readonly events: number;
}

class Soaking {
  readonly #options: FaultOptions;
  readonly #random: () => number;
  readonly #project: string;
  readonly #data: string;
  readonly #log: EmbeddedLog;
  readonly #daemons: Readonly<Record<"speed" | "serve" | "batch", Daemon>>;
  readonly #failures: string[] = [];
  #producer: Producer | null = null;
  /** Records that are in the log, and when they were. */
  readonly #appended: { at: number; records: number }[] = [];
  #records = 0;
  #events = 0;
  #urlOf = { pid: 0, url: "" };
  readonly #lags: number[] = [];
  #silentMs = 0;
  /** By role, each sample's time and bytes. */
  readonly #memory: Record<string, { at: number; bytes: number }[]> = { speed: [], serve: [], batch: [] };
  #files = 0;
  #logBytes = 0;
  #kills = 0;

  constructor(options: FaultOptions, dir: string) {
    this.#options = options;
    this.#random = randomOf(options.seed);
    this.#project = join(dir, "project");
    this.#data = join(dir, "data");
    mkdirSync(join(this.#project, "views"), { recursive: true });
    writeFileSync(
      join(this.#project, "tidemark.config.mjs"),
      `export default { name: "soak", log: { retention: "3 minutes" }, streams: { events: { fields: { e: "VARCHAR", g: "VARCHAR", x: "BIGINT" }, id: "e", dedup: "5 seconds", partitions: ${partitions} } }, serve: { port: 0 }, batch: { schedule: "*/5 * * * *", archive: "* * * * *", keepVersions: 2 } };`,
    );
    const view = (name: string, sql: string) => writeFileSync(join(this.#project, "views", `${name}.sql`), sql);
    view("total", "SELECT count(*) AS n, sum(x) AS s FROM events");
    view("groups", "SELECT g, count(*) AS n, sum(x) AS s, min(x) AS lo, max(x) AS hi FROM events GROUP BY g");
    view("blocks", "SELECT x // 100000 AS block, count(*) AS n, avg(x) AS mean FROM events GROUP BY block");
    this.#log = new EmbeddedLog(join(this.#data, "log"));
    const args = ["--project", this.#project, "--data", this.#data];
    this.#daemons = {
      speed: new Daemon(["speed", ...args]),
      serve: new Daemon(["serve", ...args]),
      batch: new Daemon(["batch", ...args]),
    };
  }

  async run(): Promise<FaultReport> {
    const { n, say } = this.#options;
    this.#producer = await Producer.open(this.#log, events);
    const top = await this.#topSpeed();
    const rate = Math.floor(top / 2);
    say(`top speed ${Math.round(top)} events/s`);
    const began = performance.now();
    const endsAt = began + n * 60_000;
    await Promise.all([this.#feed(rate, endsAt), this.#watch(endsAt), this.#measure(endsAt), this.#kill(endsAt)]);
    await this.#finish();
    return { n, failures: this.#failures, facts: this.#facts(top, rate, began, endsAt) };
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#daemons).map((daemon) => daemon.stop()));
    await this.#log.close();
  }

  /** `count` at once, as fast as the log takes them; until they are answered. */
  async #topSpeed(): Promise<number> {
    await this.#add(1);
    await this.#until(() => this.#records, 60_000);
    const began = performance.now();
    const count = this.#options.n < 1 ? calibrated.short : calibrated.long;
    await this.#add(count);
    await this.#until(() => this.#records, verbMsMax);
    return count / ((performance.now() - began) / 1000);
  }

  /** Appends the next events, some of them twice, and waits until the log has them. */
  async #add(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const doubled = this.#events > 100 && i % doubledEvery === doubledEvery - 1;
      const x = doubled ? this.#events - 1 - Math.floor(this.#random() * 50) : this.#events++;
      // the copies of an event go to the partition of the first
      await this.#producer!.add(Buffer.from(`{"e":"${x}","g":"g${x % 20}","x":${x}}`));
      this.#records++;
    }
    await this.#producer!.flush();
    this.#appended.push({ at: performance.now(), records: this.#records });
  }

  async #feed(rate: number, endsAt: number): Promise<void> {
    const [began, before] = [performance.now(), this.#records];
    while (performance.now() < endsAt) {
      const due = Math.floor(((performance.now() - began) / 1000) * rate) - (this.#records - before);
      if (due > 0) await this.#add(due);
      await sleep(50);
    }
  }

  async #watch(endsAt: number): Promise<void> {
    let answeredAt = performance.now();
    let last = 0;
    while (performance.now() < endsAt) {
      const answer = await this.#ask();
      const now = performance.now();
      if (answer) {
        answeredAt = now;
        if (answer.records < last) this.#failures.push(`an answer went back from ${last} to ${answer.records} records`);
        last = answer.records;
        const missing = this.#appended.find(({ records }) => records > answer.records);
        this.#lags.push(missing ? now - missing.at : 0);
      } else this.#silentMs = Math.max(this.#silentMs, now - answeredAt);
      await sleep(250);
    }
  }

  async #measure(endsAt: number): Promise<void> {
    for (let i = 0; performance.now() < endsAt; i++) {
      for (const [role, daemon] of Object.entries(this.#daemons)) {
        const bytes = ownMemory(daemon.pid);
        if (bytes !== null) this.#memory[role]!.push({ at: performance.now(), bytes });
      }
      if (i % 10 === 0) {
        this.#files = Math.max(this.#files, filesOf(this.#data));
        this.#logBytes = Math.max(this.#logBytes, bytesOf(join(this.#data, "log", "data.mdb")));
        this.#options.say(
          `${Math.round((endsAt - performance.now()) / 1000)} s left, ${this.#records} records, lag ${Math.round(this.#lags.at(-1) ?? 0)} ms, ${this.#kills} kills, ${this.#files} files`,
        );
      }
      await sleep(1000);
    }
  }

  async #kill(endsAt: number): Promise<void> {
    const { speed, serve, batch } = this.#daemons;
    const { least, spread } = this.#options.n < 1 ? killsEveryMs.short : killsEveryMs.long;
    for (;;) {
      await sleep(least + this.#random() * spread);
      // the end is for catching up
      if (performance.now() > endsAt - 5000) return;
      const dice = this.#random();
      const killed = dice < batchShare ? batch : dice < (1 + batchShare) / 2 ? speed : serve;
      killed.kill();
      this.#kills++;
    }
  }

  async #finish(): Promise<void> {
    const args = ["--project", this.#project, "--data", this.#data];
    const answer = await this.#until(() => this.#records, lagMsMax).catch((error: unknown) => messageOf(error));
    if (typeof answer === "string") this.#failures.push(answer);
    else if (answer.events !== this.#events)
      this.#failures.push(`${answer.events} events are answered, and ${this.#events} different ones were sent`);
    const most = percentile(this.#lags, 1);
    if (most > lagMsMax) this.#failures.push(`answers were ${Math.round(most)} ms behind`);
    if (this.#files > filesMax) this.#failures.push(`there were ${this.#files} files beside archive and log`);
    for (const verb of [["verify"], ["verify", "--files"]]) {
      const { code, out, err } = await runVerb([...verb, ...args], verbMsMax);
      if (code !== 0) this.#failures.push(`${verb.join(" ")} ended with ${code}: ${out} ${lastLines(err)}`);
    }
    for (const daemon of Object.values(this.#daemons)) {
      // a kill has no exit code
      for (const end of daemon.ends) if (!/ended with null/.test(end)) this.#failures.push(end);
    }
  }

  async #until(records: () => number, msMax: number): Promise<Answered> {
    for (const until = performance.now() + msMax; performance.now() < until; await sleep(20)) {
      const answer = await this.#ask();
      if (answer && answer.records >= records()) return answer;
    }
    throw new Error(`${records()} records are not answered within ${msMax} ms: ${this.#daemons.speed.lastLines}`);
  }

  async #ask(): Promise<Answered | null> {
    const { serve } = this.#daemons;
    try {
      if (this.#urlOf.pid !== serve.pid) this.#urlOf = { url: await serve.url(5000), pid: serve.pid };
      const response = await fetch(`${this.#urlOf.url}/v1/views/total`, { signal: AbortSignal.timeout(5000) });
      if (response.status !== 200) return null;
      const { data, meta } = (await response.json()) as { data: { n: number }[]; meta: { position: string } };
      const offsets = [...meta.position.matchAll(/:(\d+)/g)].map(([, offset]) => Number(offset));
      return { records: offsets.reduce((sum, offset) => sum + offset, 0), events: data[0]!.n };
    } catch {
      return null;
    }
  }

  #facts(top: number, rate: number, began: number, endsAt: number): FaultReport["facts"] {
    const ms = (part: number) => Math.round(percentile(this.#lags, part));
    const mb = (bytes: number) => Math.round(bytes / 2 ** 20);
    const third = (endsAt - began) / 3;
    const memory: Record<string, string> = {};
    for (const [role, samples] of Object.entries(this.#memory)) {
      const most = [0, 1, 2].map((i) =>
        Math.max(
          0,
          ...samples.filter(({ at }) => Math.min(2, Math.floor((at - began) / third)) === i).map(({ bytes }) => bytes),
        ),
      );
      memory[`MB of ${role}, most in each third`] = most.map(mb).join("/");
      if (this.#options.n >= flatMinutesMin && most[2]! - most[1]! > grownMax)
        this.#failures.push(`${role} grew to ${mb(most[2]!)} MB`);
    }
    return {
      "events/s at the top": Math.round(top),
      "events/s sent": rate,
      records: this.#records,
      "sent twice": this.#records - this.#events,
      kills: this.#kills,
      answers: this.#lags.length,
      "ms behind, p50": ms(0.5),
      "ms behind, p99": ms(0.99),
      "ms behind, most": ms(1),
      "ms without an answer, most": Math.round(this.#silentMs),
      ...memory,
      "files beside archive and log, most": this.#files,
      "MB of log, most": mb(this.#logBytes),
    };
  }
}
