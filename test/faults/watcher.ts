import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../shared/errors.ts";
import { covers, formatPosition, type Position, parsePosition } from "../../shared/position.ts";

export interface Answer {
  readonly position: Position;
  readonly rows: readonly { readonly g: string; readonly n: number; readonly s: number; readonly d: number }[];
}

const pauseMs = 50;
const silenceMsMax = 10_000;
const requestMsMax = 20_000;

/** Asks serve all the time, as its users would: answers never stop, whatever happens to the log, and never go back. */
export class Watcher {
  readonly failures: string[] = [];
  answers = 0;
  readonly #url: () => Promise<string>;
  readonly #watching: Promise<void>;
  readonly #origin: Position;
  #newest: Position;
  #stopped = false;

  constructor(url: () => Promise<string>, origin: Position) {
    this.#url = url;
    this.#origin = origin;
    this.#newest = origin;
    this.#watching = this.#watch();
  }

  /** An answer that covers this position; null when there is none in time. */
  async covering(position: Position, msMax: number): Promise<Answer | null> {
    for (const until = performance.now() + msMax; performance.now() < until; await sleep(pauseMs)) {
      const answer = await this.#ask(formatPosition(position)).catch(() => null);
      if (answer && covers(answer.position, position)) return answer;
    }
    return null;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    let since = Number.POSITIVE_INFINITY;
    while (!this.#stopped) {
      try {
        await this.#ask("");
        this.answers++;
        since = performance.now();
      } catch (error) {
        if (performance.now() - since > silenceMsMax) {
          this.failures.push(`serve has not answered for ${silenceMsMax} ms: ${messageOf(error)}`);
          since = performance.now();
        }
      }
      await sleep(pauseMs);
    }
  }

  async #ask(waitFor: string): Promise<Answer> {
    const before = this.#newest;
    const response = await fetch(`${await this.#url()}/v1/views/groups`, {
      headers: { "tidemark-wait-for": waitFor },
      signal: AbortSignal.timeout(requestMsMax),
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const { data, meta } = (await response.json()) as { data: Answer["rows"]; meta: { position: string } };
    const position = parsePosition(meta.position, this.#origin);
    if (!covers(position, before)) {
      this.failures.push(`an answer went back from ${formatPosition(before)} to ${meta.position}`);
    }
    if (covers(position, this.#newest)) this.#newest = position;
    return { position, rows: data };
  }
}
