/** Reading ahead: while one micro-batch is folded, the next is fetched and looked at. */
import type { StreamDefinition } from "../shared/definition.ts";
import type { Log, LogReader, RecordBatch } from "../shared/log/log.ts";
import { type Position, places } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";

/** What is read ahead comes in so many fetches, so that none holds this thread for long. */
const fetchesAhead = 4;

/** Batches of one stream, adjacent to what was taken before. */
export interface Taken {
  readonly stream: StreamDefinition;
  readonly batches: readonly RecordBatch[];
}

interface Source {
  readonly stream: StreamDefinition;
  readonly reader: LogReader;
  waiting: RecordBatch[];
  fetching: Promise<void> | null;
  failed: unknown;
}

export class Intake {
  readonly #sources: Source[];
  readonly #bytesAhead: number;
  readonly #waitMs: number;
  readonly #look: (taken: Taken) => void;
  #closed = false;

  private constructor(sources: Source[], bytesAhead: number, waitMs: number, look: (taken: Taken) => void) {
    this.#sources = sources;
    this.#bytesAhead = bytesAhead;
    this.#waitMs = waitMs;
    this.#look = look;
  }

  /**
   * @param from where to read on, for every partition to read
   * @param bytesAhead how much is fetched before it is taken
   * @param waitMs how long one look at the log's end may wait
   * @param look called with what was fetched before it is taken, for work that can be done ahead
   */
  static async open(
    log: Log,
    streams: readonly StreamDefinition[],
    from: Position,
    bytesAhead: number,
    waitMs: number,
    look: (taken: Taken) => void = () => undefined,
  ): Promise<Intake> {
    const sources: Source[] = [];
    for (const stream of streams) {
      const offsets = new Map(
        places(from)
          .filter((place) => place.stream === stream.name)
          .map((place) => [place.partition, place.offset]),
      );
      if (offsets.size === 0) continue;
      sources.push({
        stream,
        reader: await log.read(logStream(stream), offsets),
        waiting: [],
        fetching: null,
        failed: null,
      });
    }
    return new Intake(sources, bytesAhead, waitMs, look);
  }

  /**
   * What can be had within `ms`: waits for a first record, then goes on collecting until `ms` are over or `bytesAhead` is there.
   * @throws what a reader threw (LOG_RANGE, LOG_UNREACHABLE)
   */
  async take(ms: number): Promise<Taken[]> {
    const until = performance.now() + ms;
    for (;;) {
      this.#fetch();
      const failed = this.#sources.find((source) => source.failed !== null);
      if (failed) throw failed.failed;
      const bytes = this.#sources.reduce((sum, source) => sum + bytesOf(source.waiting), 0);
      const left = until - performance.now();
      if (bytes >= this.#bytesAhead || left <= 0 || this.#closed) break;
      await this.#anything(left);
    }
    const taken = this.#sources
      .filter((source) => source.waiting.length > 0)
      .map((source) => ({ stream: source.stream, batches: source.waiting }));
    for (const source of this.#sources) source.waiting = [];
    this.#fetch();
    return taken;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#sources.map((source) => source.reader.close()));
    await Promise.all(this.#sources.map((source) => source.fetching));
  }

  #fetch(): void {
    for (const source of this.#sources) {
      if (source.fetching || this.#closed || source.failed !== null || bytesOf(source.waiting) >= this.#bytesAhead)
        continue;
      // not at once: what was just taken goes to the database first, which then works at the same time
      source.fetching = new Promise(setImmediate)
        .then(() => source.reader.next(this.#bytesAhead / fetchesAhead, this.#waitMs))
        .then((batches) => {
          this.#look({ stream: source.stream, batches });
          source.waiting = source.waiting.concat(batches);
        })
        .catch((error: unknown) => {
          if (!this.#closed) source.failed = error;
        })
        .finally(() => {
          source.fetching = null;
          this.#fetch();
        });
    }
  }

  /** Until a fetch ends or time is up. */
  async #anything(ms: number): Promise<void> {
    const fetching = this.#sources.flatMap((source) => source.fetching ?? []);
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
