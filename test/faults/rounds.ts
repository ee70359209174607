import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Broker, brokerAvailable, startBroker } from "../../demo/broker/broker.ts";
import { messageOf } from "../../shared/errors.ts";
import { KafkaLog } from "../../shared/log/kafka.ts";
import type { Log } from "../../shared/log/log.ts";
import { formatPosition, positionOf } from "../../shared/position.ts";
import { logStream } from "../../shared/store/origin.ts";
import { stream } from "../support/view-case.ts";
import { Daemon, lastLines, runVerb } from "./daemon.ts";
import { EventLoad } from "./event-load.ts";
import { type FaultOptions, type FaultReport, randomOf } from "./fault.ts";
import { some } from "./ledger.ts";
import { Mirror } from "./mirror.ts";
import { type Answer, Watcher } from "./watcher.ts";

const partitions = 3;
const goesOnMsMax = 60_000;
const verifyMsMax = 60_000;
/** A run of this many rounds has as many appends as a shorter one, and more events in each. */
const longRun = 10;

const numbers = { ...stream("numbers", { g: "VARCHAR", v: "BIGINT", s: "INTEGER" }), key: "g", partitions };

const origin = positionOf([0, 1, 2].map((partition) => ({ stream: numbers.name, partition, offset: 0 })));

/** What is done to the way between a real broker and everyone who uses it. */
export interface Trouble {
  /** The address that clients are given; the broker itself where it is null. */
  readonly port: number | null;
  readonly facts: Readonly<Record<string, number>>;
  begin(broker: Broker): void;
  /** Returns when it is over. `say` is called before each step. */
  put(round: number, rounds: number, say: (what: string) => void): Promise<void>;
  end(): Promise<void>;
}

/** Speed and serve as processes of their own over a real broker, senders and a reader, and a trouble each round. */
export async function runRounds(
  options: FaultOptions,
  open: (random: () => number) => Promise<Trouble>,
): Promise<FaultReport> {
  const skipped = brokerAvailable();
  if (skipped) return { n: 0, failures: [], facts: {}, skipped };
  const folder = mkdtempSync(join(tmpdir(), "tidemark-faults-broker-"));
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const trouble = await open(randomOf(options.seed ^ 0x7a0b));
    ends.unshift(() => trouble.end());
    const { port } = trouble;
    const broker = await startBroker({ dir: join(folder, "broker"), ...(port !== null && { advertised: port }) });
    ends.unshift(() => broker.stop());
    trouble.begin(broker);
    const brokers = port === null ? broker.brokers : `127.0.0.1:${port}`;
    const log = new KafkaLog({ brokers: [brokers] });
    ends.unshift(() => log.close());
    await log.ensure(logStream(numbers));
    const project = join(folder, "project");
    writeProject(project, brokers);
    const daemons = ["speed", "serve"].map((role) => new Daemon([role, "--project", project]));
    ends.unshift(() => Promise.all(daemons.map((daemon) => daemon.stop())));
    const serve = daemons[1]!;
    const watcher = new Watcher(() => serve.url(goesOnMsMax), origin);
    ends.unshift(() => watcher.stop());
    const load = new EventLoad(log, numbers, randomOf(options.seed ^ 0x10ad), options.n < longRun ? 12 : 60);
    ends.unshift(() => load.stop(goesOnMsMax));
    return await new Rounds(options, trouble, log, project, daemons, watcher, load).run();
  } finally {
    for (const end of ends) await end().catch((error: unknown) => options.say(`at the end: ${messageOf(error)}`));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

class Rounds {
  readonly #options: FaultOptions;
  readonly #random: () => number;
  readonly #trouble: Trouble;
  readonly #log: Log;
  readonly #project: string;
  readonly #daemons: readonly Daemon[];
  readonly #watcher: Watcher;
  readonly #load: EventLoad;
  readonly #mirror = new Mirror(partitions);
  readonly #failures: string[] = [];
  #done = 0;
  #slowestMs = 0;

  constructor(
    options: FaultOptions,
    trouble: Trouble,
    log: Log,
    project: string,
    daemons: readonly Daemon[],
    watcher: Watcher,
    load: EventLoad,
  ) {
    this.#options = options;
    this.#random = randomOf(options.seed);
    this.#trouble = trouble;
    this.#log = log;
    this.#project = project;
    this.#daemons = daemons;
    this.#watcher = watcher;
    this.#load = load;
  }

  async run(): Promise<FaultReport> {
    const { n } = this.#options;
    try {
      await this.#check("before any trouble", performance.now());
      while (this.#done < n && this.#failures.length === 0) await this.#round(++this.#done);
      await this.#load.stop(goesOnMsMax);
      await this.#check("at the end", performance.now());
    } catch (error) {
      this.#fail("", messageOf(error));
    }
    return this.#report();
  }

  async #round(round: number): Promise<void> {
    const { n, say } = this.#options;
    await sleep(this.#random() * 1500);
    let what = "";
    await this.#trouble.put(round, n, (line) => {
      what = line;
      say(`${round} of ${n}: ${line}`);
    });
    await this.#check(`round ${round} (${what})`, performance.now());
  }

  /**
   * Waits until acknowledgements and answers go on, and compares one answer with everything there is to compare
   * it with.
   */
  async #check(place: string, since: number): Promise<void> {
    if (place !== "at the end" && !(await this.#load.goesOn(goesOnMsMax))) {
      return this.#fail(place, `no append was acknowledged within ${goesOnMsMax} ms`);
    }
    const { ledger, position } = this.#load;
    const expected = ledger.acknowledged.length;
    const answer = await this.#watcher.covering(position, goesOnMsMax);
    if (!answer) {
      const daemons = this.#daemons.flatMap((daemon) => [...daemon.ends, daemon.lastLines]).join(" | ");
      return this.#fail(place, `no answer covered ${formatPosition(position)} within ${goesOnMsMax} ms: ${daemons}`);
    }
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - since);
    for (const line of await this.#compare(answer, expected)) this.#fail(place, line);
    const verified = await runVerb(["verify", "--project", this.#project], verifyMsMax);
    if (verified.code !== 0)
      this.#fail(place, `verify ended with ${verified.code}: ${verified.out} ${lastLines(verified.err)}`);
    for (const line of [...this.#watcher.failures, ...this.#load.failures, ...this.#mirror.failures])
      this.#fail(place, line);
  }

  /** The answer against the topic's records below its position, counted plainly, and these against what was sent. */
  async #compare(answer: Answer, expected: number): Promise<string[]> {
    const ends = Array.from({ length: partitions }, (_, partition) => answer.position[numbers.name]?.[partition] ?? 0);
    await this.#mirror.readTo(this.#log, logStream(numbers), ends, goesOnMsMax);
    const found = new Map<number, number>();
    const groups = new Map<string, { n: number; s: number; values: Set<number> }>();
    for (const { value } of this.#mirror.below(ends)) {
      const event = JSON.parse(value) as { g: string; v: number };
      found.set(event.v, (found.get(event.v) ?? 0) + 1);
      const group = groups.get(event.g) ?? { n: 0, s: 0, values: new Set() };
      groups.set(event.g, { n: group.n + 1, s: group.s + event.v, values: group.values.add(event.v) });
    }
    const failures = this.#load.ledger.judge(found, expected);
    const counted = [...groups].sort().map(([g, { n, s, values }]) => `${g}: ${n} ${s} ${values.size}`);
    const answered = answer.rows.map(({ g, n, s, d }) => `${g}: ${n} ${s} ${d}`).sort();
    const odd = [
      ...counted.filter((row) => !answered.includes(row)),
      ...answered.filter((row) => !counted.includes(row)),
    ];
    if (odd.length > 0)
      failures.push(`the answer at ${formatPosition(answer.position)} is not what was counted: ${some(odd)}`);
    return failures;
  }

  #fail(place: string, line: string): void {
    const { seed, n } = this.#options;
    this.#failures.push(`SEED=${seed} N=${n} ${place}: ${line}`);
  }

  #report(): FaultReport {
    const { ledger, rejections } = this.#load;
    const found = new Map<number, number>();
    for (const { value } of this.#mirror.below()) {
      const { v } = JSON.parse(value) as { v: number };
      found.set(v, (found.get(v) ?? 0) + 1);
    }
    const ended = this.#daemons.flatMap(({ ends }) => ends);
    return {
      n: this.#done,
      failures: this.#failures,
      facts: {
        ...this.#trouble.facts,
        acknowledged: ledger.acknowledged.length,
        uncertain: ledger.uncertain.size,
        "repeated requests": this.#mirror.repeated,
        "doubled after retry": ledger.doubledAfterRetry(found),
        rejected:
          Object.entries(rejections)
            .map(([code, count]) => `${code} ${count}`)
            .join(", ") || 0,
        answers: this.#watcher.answers,
        "longest time until answers go on, ms": Math.round(this.#slowestMs),
        "daemon restarts": ended.length,
        ...(ended.length > 0 ? { "daemons ended": some(ended) } : {}),
      },
    };
  }
}

function writeProject(dir: string, brokers: string): void {
  const settings = {
    name: "numbers",
    streams: { numbers: { fields: { g: "VARCHAR", v: "BIGINT", s: "INTEGER" }, key: "g", partitions } },
    log: { brokers: [brokers] },
    serve: { port: 0 },
  };
  mkdirSync(join(dir, "views"), { recursive: true });
  writeFileSync(join(dir, "tidemark.config.js"), `export default ${JSON.stringify(settings)};\n`);
  writeFileSync(
    join(dir, "views", "groups.sql"),
    "SELECT g, count(*) AS n, sum(v) AS s, count(DISTINCT v) AS d FROM numbers GROUP BY g\n",
  );
}
