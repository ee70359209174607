/**
 * The one reader of the past, as typed events that count: archive below, log above, joined by offset.
 * Recompute, verify, a damaged delta and a speed layer that must go back further than the log still reaches all
 * read through it.
 */
import type { Archive } from "../archive/archive.ts";
import { Records } from "../archive/records.ts";
import { eventsIn, noEvents } from "../archive/segments.ts";
import type { Inputs } from "../compiler/texts.ts";
import { Decoder } from "../decode/decode.ts";
import type { DecodedRecords } from "../decode/decoded.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { isCode } from "../errors.ts";
import type { Log, RecordBatch } from "../log/log.ts";
import type { Position, Range } from "../position.ts";
import { openState } from "../state/open.ts";
import { suppression } from "../state/suppression.ts";
import { loadReferences } from "../store/reference-tables.ts";
import type { Store } from "../store/store.ts";
import { inputsOf, plainInputsOf } from "./inputs.ts";

export class History {
  readonly records: Records;
  readonly #store: Store;
  readonly #log: Log;
  readonly #origin: Position;

  constructor(store: Store, log: Log, origin: Position, records = new Records(store, log, origin)) {
    this.#store = store;
    this.#log = log;
    this.#origin = origin;
    this.records = records;
  }

  /** The same past, by what was archived when it was read; null: by what is archived at each question. */
  over(archive: Archive | null): History {
    return new History(this.#store, this.#log, this.#origin, this.records.over(archive));
  }

  /**
   * A SELECT of the valid events of a stream in these ranges, with their places in the log's order where
   * `ordered`. What the archive does not hold yet is read from the log into a temporary table of the session.
   *
   * @throws STORE_CORRUPT, STORE_GAP; LOG_RANGE where neither archive nor log has an offset any more
   */
  async events(session: Session, stream: StreamDefinition, ranges: readonly Range[], ordered = false): Promise<string> {
    const parts: string[] = [];
    for (const range of ranges.filter((each) => each.stream === stream.name)) {
      const segments = await this.records.segments(stream.name, range.partition);
      const archived = segments.at(-1)?.upto ?? range.from;
      const inside = segments.filter((segment) => segment.from < range.upto && segment.upto > range.from);
      await this.records.check(stream, inside);
      const opened = await this.records.open(inside);
      const open = inside.map((segment, i) => ({ segment, path: opened[i]!.path }));
      if (open.length > 0) parts.push(eventsIn(stream, open, range, ordered));
      const from = Math.max(archived, range.from);
      if (archived < range.upto) parts.push(await this.#tail(session, stream, { ...range, from }, ordered));
    }
    return parts.join(" UNION ALL ") || noEvents(stream, ordered);
  }

  /**
   * What any view of a definition reads in these ranges; each stream is read once, when the first view asks for it.
   * @throws as `events`, and STORE_CORRUPT, STORE_MISSING for a reference table
   */
  inputs(
    session: Session,
    definition: Definition,
    ranges: readonly Range[],
  ): (view: ViewDefinition) => Promise<Inputs> {
    return this.#read(session, definition, ranges, inputsOf);
  }

  /**
   * What the views' own SQL reads up to a position: of a changelog the rows that are left.
   * @param ranges from the origin on
   * @throws as `inputs`
   */
  plainInputs(
    session: Session,
    definition: Definition,
    ranges: readonly Range[],
  ): (view: ViewDefinition) => Promise<Inputs> {
    return this.#read(session, definition, ranges, plainInputsOf);
  }

  #read(
    session: Session,
    definition: Definition,
    ranges: readonly Range[],
    inputsIn: typeof plainInputsOf,
  ): (view: ViewDefinition) => Promise<Inputs> {
    const read = new Map<string, Promise<string>>();
    let references: Promise<ReadonlyMap<string, string>> | null = null;
    const eventsOf = (stream: StreamDefinition, ordered: boolean) => {
      const events = read.get(stream.name) ?? this.events(session, stream, ranges, ordered);
      read.set(stream.name, events);
      return events;
    };
    return async (view) => {
      references ??= loadReferences(session, this.#store, definition);
      return inputsIn(definition, view, eventsOf, await references);
    };
  }

  /**
   * What the archive did not hold when it was read. The log may have been trimmed since: then the archive holds
   * it by now.
   */
  async #tail(session: Session, stream: StreamDefinition, range: Range, ordered: boolean): Promise<string> {
    try {
      return await this.#fromLog(session, stream, range, ordered);
    } catch (error) {
      const isTrimmed = isCode(error, "LOG_RANGE");
      const now = this.over(null);
      if (!isTrimmed || (await now.records.archivedTo(stream.name, range.partition)) <= range.from) throw error;
      return now.events(session, stream, [range], ordered);
    }
  }

  async #fromLog(session: Session, stream: StreamDefinition, range: Range, ordered: boolean): Promise<string> {
    const places = ordered ? "_placed" : "";
    const table = `tail_${stream.name}_${range.partition}_${range.from}_${range.upto}${places}`;
    await session.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(table)} AS ${noEvents(stream, ordered)}`);
    await readCounted(this.records, session, stream, range, async (decoded) => {
      await session.run(`INSERT INTO ${quoteName(table)} ${await decoded.select({ ordered })}`);
    });
    return `SELECT * FROM ${quoteName(table)}`;
  }
}

/**
 * A range of the log, decoded, those records marked that do not count.
 * @param use gets it in order
 * @throws as `openState`
 */
export async function readCounted(
  records: Records,
  session: Session,
  stream: StreamDefinition,
  range: Range,
  use: (decoded: DecodedRecords, batches: readonly RecordBatch[]) => Promise<void>,
): Promise<void> {
  const { partition, from } = range;
  const duplicates = await openState(suppression, { records, session, stream }, [{ partition, offset: from }]);
  try {
    const decoder = new Decoder(session, stream);
    await records.readLog(stream, range, async (batches) => {
      const decoded = await decoder.decode(batches);
      await duplicates.fold(batches, decoded);
      await use(decoded, batches);
      await decoded.close();
    });
  } finally {
    await duplicates.close();
  }
}
