/** Reading ahead: while one micro-batch is folded, the next is fetched and prepared. */
import type { StreamDefinition } from "../shared/definition.ts";
import type { Log, LogReader, RecordBatch } from "../shared/log/log.ts";
import { logStream } from "../shared/store/origin.ts";

/** `bytesAhead` is read in this many fetches, so that none blocks this thread for long. */
const fetchesAhead = 4;

/** Batches of one stream, adjacent to what was taken before. */
export interface StreamBatches {
  readonly stream: StreamDefinition;
  readonly batches: readonly RecordBatch[];
}

interface Source {
  readonly stream: StreamDefinition;
  readonly reader: LogReader;
  waiting: RecordBatch[];
  fetching: Promise<void> | null;
  failed: unknown;
  /** The log has answered since the stream was opened. */
  answered: boolean;
}

export class Intake {
  readonly #log: Log;
  readonly #sources = new Map<string, Source>();
  readonly #bytesAhead: number;
  readonly #waitMs: number;
  readonly #prepare: (fetched: StreamBatches) => void;
  #closed = false;

  /**
   * @param bytesAhead how much is fetched before it is taken
   * @param waitMs how long a fetch at the log's end may wait
   * @param prepare called with what was fetched before it is taken, for work that can be done ahead
   */
  constructor(
    log: Log,
    bytesAhead: number,
    waitMs: number,
    prepare: (fetched: StreamBatches) => void = () => undefined,
  ) {
    this.#log = log;
    this.#bytesAhead = bytesAhead;
    this.#waitMs = waitMs;
    this.#prepare = prepare;
  }

  /** Reads one more stream. @param from partition → where to read on */
  async open(stream: StreamDefinition, from: ReadonlyMap<number, number>): Promise<void> {
    const reader = await this.#log.read(logStream(stream), from);
    this.#sources.set(stream.name, { stream, reader, waiting: [], fetching: null, failed: null, answered: false });
  }

  /** Stops reading the stream; what was fetched and not taken is discarded. */
  async closeStream(stream: string): Promise<void> {
    const source = this.#sources.get(stream);
    this.#sources.delete(stream);
    await source?.reader.close();
    await source?.fetching;
  }

  /** True once the log has answered since the stream was opened. */
  hasAnswered(stream: string): boolean {
    return this.#sources.get(stream)?.answered ?? false;
  }

  /**
   * What arrives within `ms`, or less once `bytesAhead` is reached or a stream has failed.
   * @returns also why streams can't be read further (LOG_RANGE, LOG_UNREACHABLE …); what they gave before that is
   *   among what was taken
   */
  async take(ms: number): Promise<{ readonly taken: StreamBatches[]; readonly failed: ReadonlyMap<string, unknown> }> {
    const until = performance.now() + ms;
    for (;;) {
      this.#fetch();
      const bytes = this.#all.reduce((sum, source) => sum + bytesOf(source.waiting), 0);
      const left = until - performance.now();
      const failed = this.#all.some((source) => source.failed !== null);
      if (failed || bytes >= this.#bytesAhead || left <= 0 || this.#closed) break;
      await this.#fetchOrTimeout(left);
    }
    const taken = this.#all
      .filter((source) => source.waiting.length > 0)
      .map((source) => ({ stream: source.stream, batches: source.waiting }));
    const failed = new Map<string, unknown>();
    for (const source of this.#all) {
      source.waiting = [];
      if (source.failed !== null) failed.set(source.stream.name, source.failed);
    }
    this.#fetch();
    return { taken, failed };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((source) => source.reader.close()));
    await Promise.all(this.#all.map((source) => source.fetching));
  }

  get #all(): Source[] {
    return [...this.#sources.values()];
  }

  #fetch(): void {
    for (const source of this.#all) {
      if (source.fetching || this.#closed || source.failed !== null || bytesOf(source.waiting) >= this.#bytesAhead)
        continue;
      // on the next turn: what was just taken goes to DuckDB first, which then works in parallel with the fetch
      source.fetching = new Promise(setImmediate)
        .then(() => source.reader.next(this.#bytesAhead / fetchesAhead, this.#waitMs))
        .then((batches) => {
          source.answered = true;
          this.#prepare({ stream: source.stream, batches });
          source.waiting = source.waiting.concat(batches);
        })
        .catch((error: unknown) => {
          if (!this.#closed) source.failed = error;
        })
        .finally(() => {
          source.fetching = null;
          if (this.#sources.get(source.stream.name) === source) this.#fetch();
        });
    }
  }

  /** Until a fetch ends or time is up. */
  async #fetchOrTimeout(ms: number): Promise<void> {
    const fetching = this.#all.flatMap((source) => source.fetching ?? []);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([timeout, ...fetching]);
    clearTimeout(timer);
  }
}

function bytesOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.bytes, 0);
}
