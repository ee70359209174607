import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../shared/errors.ts";
import type { Question } from "./table.ts";

const pauseMs = 25;
const requestMsMax = 120_000;
const failuresMax = 10;

/**
 * Asks all the time, one question after the other: every answer is right for some number of events, and they only get
 * more.
 */
export class Asker {
  readonly failures: string[] = [];
  answers = 0;
  /** How long the slowest answer took, and the longest time without any, ms. */
  slowestMs = 0;
  silentMs = 0;
  /** The newest version that an answer was from. */
  version = -1;
  readonly #url: string;
  readonly #question: (i: number) => Question;
  readonly #asking: Promise<void>;
  /** Events that answers counted, by question. */
  readonly #counted = new Map<string, number>();
  readonly #sent: () => number;
  #stopped = false;

  /** @param sent how many events the log has, or is about to have */
  constructor(url: string, question: (i: number) => Question, sent: () => number) {
    this.#url = url;
    this.#question = question;
    this.#sent = sent;
    this.#asking = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#asking;
  }

  async #run(): Promise<void> {
    let answeredAt = performance.now();
    for (let i = 0; !this.#stopped; i++) {
      const began = performance.now();
      const question = this.#question(i);
      try {
        const { events, version } = await ask(this.#url, question);
        const before = this.#counted.get(question.path) ?? 0;
        if (events < before || events > this.#sent())
          this.#fail(`${question.path} counts ${events} events after ${before}, of ${this.#sent()}`);
        if (version < this.version) this.#fail(`${question.path} went back from version ${this.version} to ${version}`);
        this.#counted.set(question.path, events);
        this.version = version;
        this.answers++;
        const now = performance.now();
        this.slowestMs = Math.max(this.slowestMs, now - began);
        this.silentMs = Math.max(this.silentMs, now - answeredAt);
        answeredAt = now;
      } catch (error) {
        this.#fail(messageOf(error));
      }
      await sleep(pauseMs);
    }
  }

  #fail(failure: string): void {
    if (this.failures.length < failuresMax) this.failures.push(failure);
  }
}

/**
 * How many events a question's rows count, all columns alike.
 * @throws Error where it is not answered, or where columns differ
 */
export async function ask(url: string, question: Question): Promise<{ events: number; rows: number; version: number }> {
  const { path, share, sums } = question;
  const response = await fetch(`${url}/v1/views/${path}`, { signal: AbortSignal.timeout(requestMsMax) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
  const { data, meta } = JSON.parse(text) as { data: Record<string, number>[]; meta: { version: number } };
  const seen = Object.entries(sums).map(([column, each]) => {
    const sum = data.reduce((total, row) => total + row[column]!, 0);
    return { column, events: each === 0 ? null : sum / each / share, sum };
  });
  const events = Math.round(seen[0]!.events ?? 0);
  const odd = seen.find((each) =>
    each.events === null ? each.sum !== 0 : Math.abs(each.events - events) > 1e-6 * events,
  );
  if (odd) throw new Error(`${path}: ${odd.column} sums up to ${odd.sum}, which is not that of ${events} events`);
  return { events, rows: data.length, version: meta.version };
}
