/**
 * What a source has to remember that no changelog says: its slot, what is to be read again, what the server said last.
 * It lies in the log, in the reserved stream that also says how far the source is.
 */
import { TidemarkError } from "../shared/errors.ts";
import type { Log, LogStream } from "../shared/log/log.ts";
import { formatPosition, type Position } from "../shared/position.ts";
import { controlOf, progressRecord, type SourceProgress } from "../shared/source-progress.ts";

const bytesAtATime = 4 << 20;
const waitMs = 1000;
/** Records that stay: those that are waited for are among the last. */
const keptRecords = 1000;

/** A comparison of all of a source's changelogs with their tables. */
export interface Verified {
  /** When it began, ms since 1970. */
  readonly at: number;
  /** In words, by stream; empty: nothing differed. */
  readonly differed: Readonly<Record<string, string>>;
}

/** What is remembered, whole, in each record. @typeParam S what kind of source it is */
export class Control<S> {
  readonly #log: Log;
  readonly #stream: LogStream;
  #state: S | null = null;
  /** Of the state: the next one counts where it has the next number. A writer that was stopped changes nothing. */
  #number = 0;
  #stateAt = 0;
  #at: SourceProgress["at"] | null = null;
  #position: string | null = null;
  #repeatedFrom: string | null = null;
  #verified: Verified | null = null;
  #verifiedAt = 0;
  #next = 0;
  #last = "";
  /** Streams that someone asked to read again, since the state that was remembered last. */
  readonly asked = new Set<string>();

  private constructor(log: Log, stream: LogStream) {
    this.#log = log;
    this.#stream = stream;
  }

  static async open<S>(log: Log, project: string, name: string): Promise<Control<S>> {
    const control = new Control<S>(log, controlOf(project, name));
    const { first } = await log.ensure(control.#stream);
    control.#next = first[0]!;
    await control.read();
    return control;
  }

  /** Null: nothing was remembered. */
  get state(): S | null {
    return this.#state;
  }

  /** How far the source was noted to be; null: it was not. */
  get at(): SourceProgress["at"] | null {
    return this.#at;
  }

  /** The position that was noted with it. */
  get position(): string | null {
    return this.#position;
  }

  /** Where events begin that may come once more; null: nothing was noted. */
  get repeatedFrom(): string | null {
    return this.#repeatedFrom;
  }

  /** The last comparison that came to its end. */
  get verified(): Verified | null {
    return this.#verified;
  }

  /** What has come since. */
  async read(): Promise<void> {
    const [end = 0] = await this.#log.end(this.#stream);
    if (this.#next >= end) return;
    const reader = await this.#log.read(this.#stream, new Map([[0, this.#next]]));
    try {
      while (this.#next < end)
        for (const batch of await reader.next(bytesAtATime, waitMs)) {
          for (const { offset, value } of batch.records()) this.#take(offset, value);
          this.#next = batch.upto;
        }
    } finally {
      await reader.close();
    }
  }

  #take(offset: number, value: Buffer | null): void {
    const { state, number, progress, ask, verified } = JSON.parse(value?.toString() ?? "{}") as {
      readonly state?: S;
      readonly number?: number;
      readonly progress?: SourceProgress;
      readonly ask?: string;
      readonly verified?: Verified;
    };
    if (state !== undefined && number === this.#number + 1) {
      this.#state = state;
      this.#number = number;
      this.#stateAt = offset;
      this.asked.clear();
    }
    if (progress !== undefined) {
      this.#at = progress.at;
      this.#position = progress.position;
      this.#repeatedFrom = progress.repeatedFrom ?? progress.position;
    }
    if (ask !== undefined) this.asked.add(ask);
    if (verified !== undefined) {
      this.#verified = verified;
      this.#verifiedAt = offset;
    }
  }

  /** @throws SOURCE_FENCED where another has remembered something meanwhile */
  async remember(state: S): Promise<void> {
    const own = { number: this.#number + 1, state };
    await this.#append(Buffer.from(JSON.stringify(own)));
    await this.read();
    if (this.#number === own.number && JSON.stringify(this.#state) === JSON.stringify(state)) return;
    throw new TidemarkError(
      "SOURCE_FENCED",
      `${this.#stream.name}: another process follows the source, too`,
      "one is enough",
    );
  }

  /** Asks the process that follows the source to read a stream again. */
  ask(stream: string): Promise<void> {
    return this.#append(Buffer.from(JSON.stringify({ ask: stream })));
  }

  noteVerified(verified: Verified): Promise<void> {
    return this.#append(Buffer.from(JSON.stringify({ verified })));
  }

  /**
   * Everything up to `at` is below the position. Nothing is appended where that was noted last.
   * @param repeatedFrom see SourceProgress; null: the position
   */
  async note(at: SourceProgress["at"], position: Position, repeatedFrom: string | null = null): Promise<void> {
    const repeated = repeatedFrom === null ? {} : { repeatedFrom };
    const progress = { at, position: formatPosition(position), ...repeated };
    const text = JSON.stringify(progress);
    if (text === this.#last) return;
    await this.#append(progressRecord(progress));
    this.#last = text;
    await this.#trim();
  }

  async #append(value: Buffer): Promise<void> {
    await this.#log.append(this.#stream, [{ partition: 0, key: null, value }]);
  }

  /** Only what the last state and the last notes need. */
  async #trim(): Promise<void> {
    const [[first = 0], [end = 0]] = [await this.#log.first(this.#stream), await this.#log.end(this.#stream)];
    if (end - first < 2 * keptRecords || this.#state === null) return;
    // these go with the others: they are said again at the end
    if (this.#verified !== null && this.#verifiedAt < end - keptRecords) await this.noteVerified(this.#verified);
    if (this.#stateAt < end - keptRecords) await this.remember(this.#state);
    await this.#log.trim(this.#stream, new Map([[0, end - keptRecords]]));
  }
}
