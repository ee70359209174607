/**
 * Events faster than they can be worked off, from a loader and over HTTP: memory stays, the lag shows, clients
 * are asked to wait, nothing is lost.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "../../ingest/producer.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";
import { stream } from "../support/view-case.ts";
import { Daemon, lastLines, runVerb } from "./daemon.ts";
import type { Fault, FaultOptions, FaultReport } from "./fault.ts";
import { ownMemory } from "./measure.ts";

/** Together more bytes at once than the server takes in. */
const clients = 64;
/** Events in the 4 MB of a request: in a short run fewer, longer ones. */
const requests = { long: { events: 50_000, padding: 50 }, short: { events: 12_500, padding: 310 } };
const requestMsMax = 30_000;
const endMsMax = 600_000;
/** What a daemon may take at most, bytes: DuckDB's share is one gigabyte, and records under way come on top. */
const memoryMax = 1.5 * 2 ** 30;

const events = { ...stream("events", { g: "VARCHAR", x: "BIGINT" }), partitions: 4 };

export const flood: Fault = {
  name: "flood",
  promise:
    "events that come too fast find flat memory, a lag that shows, 429 or 503 with Retry-After, and are all counted",
  how: "N seconds of a loader at full speed and of 64 HTTP clients with requests of 50,000 events, 4 MB; memory of speed and serve",
  full: 60,
  short: 3,
  run: async (options) => {
    if (ownMemory(process.pid) === null)
      return { n: 0, failures: [], facts: {}, skipped: "/proc does not show a process's own memory" };
    const dir = mkdtempSync(join(tmpdir(), "tidemark-flood-"));
    const flooding = new Flooding(options, dir);
    try {
      return await flooding.run();
    } finally {
      await flooding.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    }
  },
};

class Flooding {
  readonly #options: FaultOptions;
  readonly #args: readonly string[];
  readonly #log: EmbeddedLog;
  readonly #daemons: Readonly<Record<"speed" | "serve", Daemon>>;
  readonly #failures: string[] = [];
  readonly #answers: Record<string, number> = {};
  readonly #memory = { speed: [] as number[], serve: [] as number[] };
  #loaded = 0;
  #accepted = 0;
  #behind = 0;

  constructor(options: FaultOptions, dir: string) {
    this.#options = options;
    const project = join(dir, "project");
    mkdirSync(join(project, "views"), { recursive: true });
    writeFileSync(
      join(project, "tidemark.config.mjs"),
      `export default { name: "flood", streams: { events: { fields: { g: "VARCHAR", x: "BIGINT" } } }, serve: { port: 0 } };`,
    );
    writeFileSync(join(project, "views", "total.sql"), "SELECT count(*) AS n, sum(x) AS s FROM events");
    writeFileSync(
      join(project, "views", "groups.sql"),
      "SELECT g, count(*) AS n, avg(x) AS mean FROM events GROUP BY g",
    );
    this.#args = ["--project", project, "--data", join(dir, "data")];
    this.#log = new EmbeddedLog(join(dir, "data", "log"));
    this.#daemons = { speed: new Daemon(["speed", ...this.#args]), serve: new Daemon(["serve", ...this.#args]) };
  }

  async run(): Promise<FaultReport> {
    const { n, say } = this.#options;
    const url = await this.#daemons.serve.url(20_000);
    const endsAt = performance.now() + n * 1000;
    const { padding } = this.#request;
    const body = Buffer.from(
      Array.from(
        { length: this.#request.events },
        (_, i) => `{"g":"g${i % 50}","x":${i},"not read":"${"-".repeat(padding)}"}\n`,
      ).join(""),
    );
    const flood = Promise.all([
      this.#load(endsAt),
      ...Array.from({ length: clients }, (_, client) => this.#post(url, client, body, endsAt)),
    ]);
    await Promise.all([flood, this.#watch(url, flood)]);
    say(
      `${this.#loaded} loaded, ${this.#accepted} accepted, at most ${this.#behind} behind; ${JSON.stringify(this.#answers)}`,
    );
    await this.#finish(url);
    return { n, failures: this.#failures, facts: this.#facts() };
  }

  get #request(): { events: number; padding: number } {
    return this.#options.n < 10 ? requests.short : requests.long;
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#daemons).map((daemon) => daemon.stop()));
    await this.#log.close();
  }

  async #load(endsAt: number): Promise<void> {
    const producer = await Producer.open(this.#log, events);
    while (performance.now() < endsAt) {
      for (let i = 0; i < 5000; i++) await producer.add(Buffer.from(`{"g":"g${i % 50}","x":${i}}`));
      this.#loaded += 5000;
      // requests and measurements want their turn
      await new Promise((resolve) => setImmediate(resolve));
    }
    await producer.flush();
  }

  async #post(url: string, client: number, body: Buffer, endsAt: number): Promise<void> {
    for (let i = 0; performance.now() < endsAt; i++) {
      // whatever becomes of a request, it is sent again until it is answered with 200: it counts once
      for (;;) {
        const answer = await this.#send(url, `flood-${client}-${i}`, body);
        if (answer === "accepted") break;
        await sleep(answer);
      }
      this.#accepted += this.#request.events;
    }
  }

  /** @returns how long to wait before it is sent again, ms */
  async #send(url: string, key: string, body: Buffer): Promise<number | "accepted"> {
    let response: Response;
    try {
      response = await fetch(`${url}/v1/streams/events/events`, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson", "idempotency-key": key },
        body: new Uint8Array(body),
        signal: AbortSignal.timeout(requestMsMax),
      });
      await response.arrayBuffer();
    } catch {
      this.#count("no answer");
      return 1000;
    }
    this.#count(String(response.status));
    if (response.status === 200) return "accepted";
    const wait = Number(response.headers.get("retry-after"));
    if (![429, 503].includes(response.status) || !(wait > 0))
      this.#failures.push(`${response.status} with Retry-After ${response.headers.get("retry-after")}`);
    return (wait || 1) * 1000;
  }

  async #watch(url: string, flood: Promise<unknown>): Promise<void> {
    let over = false;
    const end = () => {
      over = true;
    };
    flood.then(end, end);
    // once more when it is over: a server that had no turn for the status all along has one then
    for (let last = false; !last; await sleep(300)) {
      last = over;
      for (const role of ["speed", "serve"] as const) this.#memory[role].push(ownMemory(this.#daemons[role].pid) ?? 0);
      const status = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(requestMsMax) }).catch(() => null);
      if (status?.status === 200) {
        const { streams } = (await status.json()) as { streams: { behind: number | null }[] };
        this.#behind = Math.max(this.#behind, streams[0]!.behind ?? 0);
      }
    }
  }

  /** Everything that was acknowledged is counted, once. */
  async #finish(url: string): Promise<void> {
    const all = this.#loaded + this.#accepted;
    let n = 0;
    for (const until = performance.now() + endMsMax; performance.now() < until; await sleep(200)) {
      const response = await fetch(`${url}/v1/views/total`).catch(() => null);
      if (response?.status === 200) ({ n } = ((await response.json()) as { data: { n: number }[] }).data[0]!);
      if (n >= all) break;
    }
    if (n !== all)
      this.#failures.push(`${n} events are answered, and ${all} were acknowledged: ${this.#daemons.speed.lastLines}`);
    const { code, out, err } = await runVerb(["verify", ...this.#args], endMsMax);
    if (code !== 0) this.#failures.push(`verify ended with ${code}: ${out} ${lastLines(err)}`);
    if (this.#behind === 0) this.#failures.push("the status never said that anything was behind");
    if (!this.#answers["429"] && !this.#answers["503"]) this.#failures.push("no client was ever asked to wait");
    for (const [role, samples] of Object.entries(this.#memory))
      if (Math.max(...samples) > memoryMax) this.#failures.push(`${role} took ${Math.max(...samples) >> 20} MB`);
    for (const daemon of Object.values(this.#daemons)) this.#failures.push(...daemon.ends);
  }

  #count(what: string): void {
    this.#answers[what] = (this.#answers[what] ?? 0) + 1;
  }

  #facts(): FaultReport["facts"] {
    const most = (samples: readonly number[]) => Math.round(Math.max(...samples) / 2 ** 20);
    const halves = (samples: readonly number[]) =>
      `${most(samples.slice(0, samples.length >> 1))}/${most(samples.slice(samples.length >> 1))}`;
    return {
      "events loaded": this.#loaded,
      "events accepted over HTTP": this.#accepted,
      ...Object.fromEntries(Object.entries(this.#answers).map(([status, count]) => [`answers ${status}`, count])),
      "records behind, most": this.#behind,
      "MB of speed, most in each half": halves(this.#memory.speed),
      "MB of serve, most in each half": halves(this.#memory.serve),
    };
  }
}
