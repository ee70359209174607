/**
 * A fuzz run: views of a seed over blocks of shared events, in lanes side by side, until a number or a time is
 * reached.
 */
import { applications } from "./aggregates.ts";
import { changeRecords, randomChangelog } from "./changes.ts";
import { type Records, randomRecords } from "./events.ts";
import { keepCase } from "./found.ts";
import { type Drawn, isExact, newPairs, viewsOf } from "./grammar.ts";
import { randomHistory } from "./history.ts";
import { type Case, Lane, type Tamper } from "./lane.ts";
import { throughPipeline } from "./pipeline.ts";
import { numbersOf } from "./seeds.ts";
import { caseOf, shrink } from "./shrink.ts";
import { randomStream } from "./stream.ts";
import { write } from "./view.ts";

export interface RunOptions {
  readonly seed: number;
  /** Whichever is reached first. */
  readonly views: number;
  readonly seconds: number;
  readonly lanes: number;
  readonly say: (line: string) => void;
  readonly tamper?: Tamper;
}

/** Views that share their events. */
const blockSize = 16;
/** One view in 200 goes through the whole pipeline: this many views of one block in this many. */
const pipelineViews = 4;
const pipelineEvery = 50;
/** In one block in this many, events are taken for changes of rows. */
const changelogEvery = 3;
/** Further failures are mostly repeats of these. */
const failuresMax = 5;
const reportEveryMs = 5_000;

export interface Failure {
  readonly number: number;
  readonly why: string;
  readonly file: string;
}

export class Run {
  readonly #options: RunOptions;
  readonly #views: Iterator<Drawn>;
  readonly #pairs = newPairs();
  readonly #applied = new Set<string>();
  readonly #tally = { same: 0, refused: 0, failing: 0, broken: 0 };
  readonly failures: Failure[] = [];
  #blocks = 0;
  #comparisons = 0;
  #rows = 0;
  #pipelines = 0;
  #inPipelines = 0;
  readonly #started = performance.now();
  #reported = performance.now();

  constructor(options: RunOptions) {
    this.#options = options;
    this.#views = viewsOf(options.seed);
  }

  get compared(): number {
    return this.#tally.same;
  }

  async go(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.lanes }, () => this.#lane()));
  }

  get #done(): boolean {
    const { views, seconds } = this.#options;
    const late = performance.now() - this.#started > seconds * 1000;
    return late || this.#blocks * blockSize >= views || this.failures.length >= failuresMax;
  }

  async #lane(): Promise<void> {
    const lane = await Lane.open(this.#options.tamper);
    try {
      while (!this.#done) {
        const block = this.#blocks++;
        const size = Math.min(blockSize, this.#options.views - block * blockSize);
        await this.#block(
          lane,
          block,
          Array.from({ length: size }, () => this.#views.next().value as Drawn),
        );
      }
    } finally {
      lane.close();
    }
  }

  async #block(lane: Lane, block: number, drawn: readonly Drawn[]): Promise<void> {
    const { seed } = this.#options;
    const records = randomRecords(numbersOf(seed, "events", block));
    const kind = block % changelogEvery === changelogEvery - 1 ? ({ changelog: true } as const) : {};
    const good: Drawn[] = [];
    for (const each of drawn) {
      const steps = randomHistory(numbersOf(seed, "history", each.number), records);
      const drawing = { view: each.view, records, steps, ...kind };
      const outcome = await lane.run(caseOf(drawing));
      this.#tally[outcome.kind]++;
      if (outcome.kind === "broken") await this.#failed(lane, each, drawing);
      if (outcome.kind !== "same") continue;
      good.push(each);
      this.#comparisons += outcome.comparisons;
      this.#rows += outcome.rows;
      this.#pairs.add(each.features);
      for (const use of each.applied) this.#applied.add(use);
      this.#report();
    }
    if (block % pipelineEvery === pipelineEvery - 1) await this.#pipeline(lane, block, good, records, kind);
  }

  async #failed(lane: Lane, { number }: Drawn, drawing: Parameters<typeof shrink>[1]): Promise<void> {
    const { found, why } = await shrink(lane, drawing);
    const file = keepCase(found, `SEED=${this.#options.seed}, view ${number}`, why);
    this.failures.push({ number, why, file });
    this.#options.say(`view ${number}: ${why}\n  ${found.sql}\n  test/fuzz/found/${file}`);
  }

  async #pipeline(
    lane: Lane,
    block: number,
    good: readonly Drawn[],
    records: Records,
    kind: Pick<Case, "changelog">,
  ): Promise<void> {
    const exact = good.filter((each) => isExact(each.view, each.applied)).slice(0, pipelineViews);
    const { dead } = await lane.load(records);
    const random = numbersOf(this.#options.seed, "pipeline", block);
    const views = exact.map((each) => write(each.view).sql);
    try {
      if (kind.changelog) await throughPipeline(random, randomChangelog, views, changeRecords(records, dead), dead);
      else await throughPipeline(random, randomStream, views, records, dead);
      this.#pipelines++;
      this.#inPipelines += views.length;
    } catch (error) {
      const why = `pipeline of block ${block}: ${error instanceof Error ? error.message : String(error)}`;
      this.failures.push({ number: block * blockSize, why, file: "" });
      this.#options.say(why);
    }
  }

  #report(): void {
    if (performance.now() - this.#reported < reportEveryMs) return;
    this.#reported = performance.now();
    this.#options.say(this.summary);
  }

  /** One line. */
  get summary(): string {
    const { same, refused, failing, broken } = this.#tally;
    const views = same + refused + failing + broken;
    const seconds = (performance.now() - this.#started) / 1000;
    const share = ((100 * this.#pairs.met) / this.#pairs.possible).toFixed(1);
    return (
      `fuzz: SEED=${this.#options.seed}, N=${views} views in ${seconds.toFixed(0)} s (${(views / seconds).toFixed(1)} a second): ` +
      `${same} equal plain DuckDB at ${this.#comparisons} comparisons (${this.#rows} rows), ${refused} refused, ${failing} fail by themselves, ` +
      `${this.#inPipelines} in ${this.#pipelines} whole pipelines; ` +
      `pairs ${this.#pairs.met} of ${this.#pairs.possible} (${share} %), ` +
      `arguments ${this.#applied.size} of ${applications}; ${this.failures.length} FAILED`
    );
  }

  /** Pairs that did not meet in a view that was compared. */
  get unmet(): string[] {
    return this.#pairs.unmet();
  }
}
