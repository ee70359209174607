/**
 * Reads a stream's events from a position on, as they are asked for: what is archived from there, the rest from the
 * log. Each event is read once, in the order of its partition.
 */
import type { StreamDefinition } from "../../shared/definition.ts";
import { isCode, TidemarkError } from "../../shared/errors.ts";
import { type Position, places, positionOf } from "../../shared/position.ts";
import type { Asker } from "../../shared/waiting.ts";
import { type ArchivedEvents, Span } from "./archived-events.ts";
import type { Archives } from "./archives.ts";
import type { EventChunk } from "./event-texts.ts";
import type { LogRun, Offsets, RunTools } from "./log-run.ts";
import type { LogRuns } from "./log-runs.ts";

/** A run that others have opened, an archive of before: each may be behind what was trimmed. */
const triesMax = 3;

export interface ReaderTools extends RunTools {
  readonly runs: LogRuns;
  readonly archives: Archives;
  /** As it is served now. @throws NOT_FOUND where it is not served (any more) */
  readonly streamNamed: (name: string) => StreamDefinition;
}

/** Of one stream, all its partitions. */
export interface ReaderStretch {
  readonly origin: Position;
  readonly from: Position;
  /** Null: it follows the stream. */
  readonly upto: Position | null;
}

export class StreamReader {
  readonly #reading: ReaderTools;
  readonly #asker: Asker;
  readonly #upto: Offsets | null;
  /** In the order of their turns. */
  readonly #at: Map<number, number>;
  /** Log time of the last event of each partition: the one that is furthest behind is read next. */
  readonly #times = new Map<number, number>();
  readonly #span = new Span();
  #stream: StreamDefinition;
  #origin: Position;

  constructor(reading: ReaderTools, stream: StreamDefinition, { origin, from, upto }: ReaderStretch, asker: Asker) {
    this.#reading = reading;
    this.#asker = asker;
    this.#stream = stream;
    this.#origin = origin;
    this.#at = offsetsOf(from);
    this.#upto = upto && offsetsOf(upto);
  }

  /** All before it was read. */
  get position(): Position {
    const { name: stream } = this.#stream;
    return positionOf([...this.#at].map(([partition, offset]) => ({ stream, partition, offset })));
  }

  /**
   * @returns the next events, of one partition; "end" where it has read as far as it was to; null where none came
   *   within `waitMs`
   * @throws POSITION_GONE where neither archive nor log has them any more; STORE_*, LOG_UNREACHABLE, SERVE_BUSY
   */
  async next(waitMs: number): Promise<EventChunk | "end" | null> {
    // of another version it may have other fields
    this.#stream = this.#reading.streamNamed(this.#stream.name);
    const wanted = this.#wanted();
    if (wanted.size === 0) return "end";
    const chunk = await this.#read(wanted, waitMs);
    return chunk && this.#pass(chunk);
  }

  /** The offsets that are read from next, of each partition that has more to read. */
  #wanted(): Offsets {
    const upto = this.#upto;
    return upto ? new Map([...this.#at].filter(([partition, at]) => at < (upto.get(partition) ?? 0))) : this.#at;
  }

  async #read(wanted: Offsets, waitMs: number): Promise<EventChunk | null> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#tryToRead(wanted, waitMs, tries > 1);
      } catch (error) {
        // trimmed since the archive was read, or a damaged file was replaced: it has another one by now
        if (!isCode(error, "LOG_RANGE", "STORE_MISSING", "STORE_CORRUPT")) throw error;
        if (tries < triesMax) continue;
        throw isCode(error, "LOG_RANGE") ? gone(error) : error;
      }
    }
  }

  async #tryToRead(wanted: Offsets, waitMs: number, again: boolean): Promise<EventChunk | null> {
    const { runs, archives } = this.#reading;
    const run = runs.find(this.#stream, wanted);
    if (run) return this.#readLog(run, wanted, waitMs);
    const known = again ? null : archives.known(this.#stream, this.#origin);
    const archived = known && placeIn(known, wanted) ? known : await archives.read(this.#stream, this.#origin);
    if (placeIn(archived, wanted)) return this.#readArchive(archived, wanted);
    return this.#readLog(await runs.findOrOpen(this.#stream, archived.records, wanted), wanted, waitMs);
  }

  /** Of the partition that is furthest behind in log time. */
  #readArchive(archived: ArchivedEvents, wanted: Offsets): Promise<EventChunk> {
    const [partition, at] = placeIn(archived, wanted, this.#times)!;
    return this.#reading.lend(this.#asker, (session) => archived.read(session, partition, at, this.#span));
  }

  async #readLog(run: LogRun, wanted: Offsets, waitMs: number): Promise<EventChunk | null> {
    const there = run.chunkAt(wanted);
    if (there) return there;
    await run.advance(waitMs);
    if (!this.#upto) for (let p = this.#at.size; p < run.partitions; p++) this.#add(p);
    return run.covers(wanted) ? run.chunkAt(wanted) : null;
  }

  /** A partition that was added since: it begins at 0. */
  #add(partition: number): void {
    const place = { stream: this.#stream.name, partition, offset: 0 };
    this.#at.set(partition, 0);
    this.#origin = positionOf([...places(this.#origin), place]);
  }

  #pass(chunk: EventChunk): EventChunk {
    const end = this.#upto?.get(chunk.partition) ?? chunk.upto;
    const own =
      end < chunk.upto ? { ...chunk, upto: end, events: chunk.events.filter(({ offset }) => offset < end) } : chunk;
    // the others come first next time
    this.#at.delete(own.partition);
    this.#at.set(own.partition, own.upto);
    const last = own.events.at(-1);
    if (last) this.#times.set(own.partition, last.time);
    return own;
  }
}

/** Of the partitions whose next offset is archived, the one that is furthest behind in log time. */
function placeIn(
  archived: ArchivedEvents,
  wanted: Offsets,
  times: ReadonlyMap<number, number> = new Map(),
): readonly [number, number] | undefined {
  const timeOf = (partition: number) => times.get(partition) ?? 0;
  const [first, ...others] = [...wanted].filter(([partition, at]) => at < archived.upto(partition));
  return others.reduce((a, b) => (a && timeOf(b[0]) < timeOf(a[0]) ? b : a), first);
}

function offsetsOf(position: Position): Map<number, number> {
  return new Map(places(position).map(({ partition, offset }) => [partition, offset]));
}

/** What decides whether later records count may be gone with them: reading goes on once the loss is accepted. */
function gone(error: TidemarkError): TidemarkError {
  const message = `${error.message}, and the archive does not have it either`;
  return new TidemarkError("POSITION_GONE", message, error.todo, error.facts, error);
}
