/** One micro-batch → partials: decode once, then one partial SQL per view, each into a file. */
import { writeFile } from "node:fs/promises";
import { noEvents } from "../shared/archive/segments.ts";
import { type Inputs, partialOf } from "../shared/compiler/texts.ts";
import type { DeadLetter } from "../shared/decode/dead-letter.ts";
import { Decoder } from "../shared/decode/decode.ts";
import type { DecodedRecords } from "../shared/decode/decoded.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { isOfSql } from "../shared/duckdb/of-sql.ts";
import { inputsOf } from "../shared/history/inputs.ts";
import type { RecordBatch } from "../shared/log/log.ts";
import type { Place } from "../shared/position.ts";
import type { Suppression } from "../shared/state/suppression.ts";
import type { Counts } from "../shared/store/counts.ts";
import type { ViewFailure, ViewFile } from "../shared/store/layout.ts";
import { failedView, writePartials } from "../shared/store/partials.ts";
import { loadReferences } from "../shared/store/reference-tables.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import type { StreamOutcome } from "./dead-rate.ts";
import type { StreamBatches } from "./intake.ts";

/** The partials and counts of a micro-batch, its files published under the generation's own names. */
export interface FoldResult extends Counts {
  /** By stream. */
  readonly judged: ReadonlyMap<string, StreamOutcome>;
  readonly views: Record<string, ViewFile>;
  readonly deadFile: FileRef | null;
  readonly latest: number;
}

type DecodedStreams = Map<string, { readonly decoded: DecodedRecords; readonly batches: readonly RecordBatch[] }>;

export class Folder {
  readonly #store: Store;
  readonly #session: Session;
  readonly #definition: Definition;
  readonly #decoders: ReadonlyMap<string, Decoder>;
  #references: Promise<ReadonlyMap<string, string>> | null = null;

  constructor(store: Store, session: Session, definition: Definition) {
    this.#store = store;
    this.#session = session;
    this.#definition = definition;
    this.#decoders = new Map(definition.streams.map((stream) => [stream.name, new Decoder(session, stream)]));
  }

  /** Does ahead of time what folding this would begin with. */
  prepare({ stream, batches }: StreamBatches): void {
    this.#decoders.get(stream.name)!.prepare(batches);
  }

  /**
   * @param nameOf the store name of a file of this entry, by view ("" for the dead letters)
   * @param failed views that have failed already: they stay failed and are not computed
   * @param duplicates by stream, the suppression as the folds before have left it
   */
  async fold(
    taken: readonly StreamBatches[],
    nameOf: (view: string) => string,
    failed: ReadonlyMap<string, ViewFailure>,
    duplicates: ReadonlyMap<string, Suppression>,
  ): Promise<FoldResult> {
    const decoded: DecodedStreams = new Map();
    let [suppressed, late] = [0, 0];
    try {
      for (const { stream, batches } of taken) {
        const decoder = this.#decoders.get(stream.name)!;
        const own = await decoder.decode(batches);
        decoded.set(stream.name, { decoded: own, batches });
        const judged = await duplicates.get(stream.name)?.fold(batches, own);
        suppressed += judged?.duplicates ?? 0;
        late += judged?.late ?? 0;
      }
      const views: Record<string, ViewFile> = {};
      for (const view of this.#definition.views) {
        const before = failed.get(view.name);
        const any = view.streams.some((name) => {
          const each = decoded.get(name)?.decoded;
          return each && each.events > 0;
        });
        if (before) views[view.name] = { file: null, rows: 0, failed: before };
        else if (!any) views[view.name] = { file: null, rows: 0 };
        else views[view.name] = await this.#foldView(view, decoded, nameOf(view.name));
      }
      const all = [...decoded.values()];
      const dead = all.flatMap((each) => each.decoded.dead);
      return {
        views,
        judged: new Map(
          [...decoded].map(
            ([
              name,
              {
                decoded: { count, dead },
              },
            ]) => [name, { records: count, dead }],
          ),
        ),
        dead: dead.length,
        deadFile: await this.writeDead(dead, nameOf("")),
        events: all.reduce((sum, each) => sum + each.decoded.events, 0),
        duplicates: suppressed,
        late,
        latest: latestOf(all.flatMap((each) => [...each.batches])),
      };
    } finally {
      for (const each of decoded.values()) await each.decoded.close();
    }
  }

  /** Partials of what a view reads. */
  foldInputs(view: ViewDefinition, inputs: Inputs, name: string): Promise<ViewFile> {
    return writePartials(this.#session, this.#store, view, partialOf(view, inputs), name, { durable: false });
  }

  async #foldView(view: ViewDefinition, decoded: DecodedStreams, name: string): Promise<ViewFile> {
    try {
      return await this.foldInputs(view, await this.#inputsOf(view, decoded), name);
    } catch (error) {
      return failedView(error, isOfSql(error) ? await this.#firstFailing(view, decoded) : null);
    }
  }

  /** @param below only the events among the first `records` records of one stream, and none of the other streams */
  async #inputsOf(
    view: ViewDefinition,
    decoded: DecodedStreams,
    below?: { stream: string; records: number },
  ): Promise<Inputs> {
    this.#references ??= loadReferences(this.#session, this.#store, this.#definition);
    const eventsOf = (stream: StreamDefinition, ordered: boolean) => {
      const found = below && below.stream !== stream.name ? undefined : decoded.get(stream.name);
      if (!found) return noEvents(stream, ordered);
      return found.decoded.select({ ordered, ...(below ? { below: below.records } : {}) });
    };
    return inputsOf(this.#definition, view, eventsOf, await this.#references);
  }

  /** The first record of the micro-batch with which the view's partial SQL fails, by bisection, stream by stream. */
  async #firstFailing(view: ViewDefinition, decoded: DecodedStreams): Promise<Place | null> {
    for (const stream of view.streams) {
      const found = decoded.get(stream);
      if (!found) continue;
      const works = async (records: number): Promise<boolean> => {
        const inputs = await this.#inputsOf(view, decoded, { stream, records });
        return this.#session.read(partialOf(view, inputs)).then(
          () => true,
          () => false,
        );
      };
      let [good, bad] = [0, found.decoded.count];
      if (await works(bad)) continue;
      while (bad - good > 1) {
        const middle = (good + bad) >> 1;
        if (await works(middle)) good = middle;
        else bad = middle;
      }
      let index = bad - 1;
      for (const batch of found.batches) {
        if (index < batch.count) return { stream, partition: batch.partition, offset: batch.offsets[index]! };
        index -= batch.count;
      }
    }
    return null;
  }

  /** Writes the dead letters as NDJSON; null where there are none. */
  async writeDead(dead: readonly DeadLetter[], name: string): Promise<FileRef | null> {
    if (dead.length === 0) return null;
    const scratch = this.#store.scratch("dead.ndjson");
    await writeFile(scratch, dead.map((letter) => `${JSON.stringify(letter)}\n`).join(""));
    return this.#store.publish(scratch, name, { durable: false });
  }
}

function latestOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((max, batch) => batch.timestamps.reduce((m, each) => Math.max(m, each), max), 0);
}
