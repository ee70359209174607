/** The events of a stream that were archived when its archive was read, some at a time. */
import { Archive } from "../../shared/archive/archive.ts";
import type { Records } from "../../shared/archive/records.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { History } from "../../shared/history/history.ts";
import type { Log } from "../../shared/log/log.ts";
import type { Position } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import { type EventChunk, eventTexts, sizeOf } from "./event-texts.ts";

/** Of the text of a chunk, about. */
const bytesAtATime = 512 << 10;
/** Offsets of a file that are read together: the first time, and at most. */
const [firstSpan, spanMax] = [64, 32_768];

/** How many offsets a reader's next chunk has: as many as make a chunk of the right size. */
export class Span {
  #offsets = firstSpan;

  get offsets(): number {
    return this.#offsets;
  }

  note(chunk: EventChunk): void {
    const bytes = sizeOf(chunk.events);
    if (bytes < bytesAtATime / 4) this.#offsets = Math.min(4 * this.#offsets, spanMax);
    else if (bytes > bytesAtATime) this.#offsets = Math.max(1, this.#offsets >> 1);
  }
}

export class ArchivedEvents {
  readonly stream: StreamDefinition;
  readonly origin: Position;
  readonly #archive: Archive;
  readonly #history: History;

  private constructor(stream: StreamDefinition, origin: Position, archive: Archive, history: History) {
    [this.stream, this.origin, this.#archive, this.#history] = [stream, origin, archive, history];
  }

  /** @param origin of all partitions that the stream has. @throws STORE_GAP, STORE_CORRUPT */
  static async open(store: Store, log: Log, stream: StreamDefinition, origin: Position): Promise<ArchivedEvents> {
    const archive = await Archive.read(store, origin);
    return new ArchivedEvents(stream, origin, archive, new History(store, log, origin).over(archive));
  }

  get records(): Records {
    return this.#history.records;
  }

  upto(partition: number): number {
    return this.#archive.upto(this.stream.name, partition);
  }

  /**
   * Events from an offset on that the archive reaches.
   * @throws STORE_CORRUPT, STORE_MISSING, CONFIG_STREAM
   */
  async read(session: Session, partition: number, from: number, span: Span): Promise<EventChunk> {
    const { stream } = this;
    const segment = this.#archive.of(stream.name, partition).findLast((each) => each.from <= from)!;
    const lost = segment.lost === true;
    if (segment.rows === segment.dead + segment.duplicates)
      return { partition, from, upto: segment.upto, events: [], lost };
    const upto = Math.min(segment.upto, from + span.offsets);
    const select = await this.#history.events(session, stream, [{ stream: stream.name, partition, from, upto }], true);
    const events = (await eventTexts(session, stream, select)).get(partition) ?? [];
    const chunk = { partition, from, upto, events, lost };
    span.note(chunk);
    return chunk;
  }
}
