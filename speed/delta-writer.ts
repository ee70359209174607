/** One shard's delta of one version: fetch → decode → partials → files → HEAD, until stopped. */
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { StrangeStamp } from "../shared/duplicates/duplicates.ts";
import { isCode, messageOf, type TidemarkError } from "../shared/errors.ts";
import type { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { equals, offsetAt, type Place, type Position, places, positionOf } from "../shared/position.ts";
import { carryStates } from "../shared/state/entries.ts";
import { openState, type StatePlace } from "../shared/state/open.ts";
import { type Suppression, suppression } from "../shared/state/suppression.ts";
import { cleanGenerations } from "../shared/store/generations.ts";
import type { Entry, VersionManifest, ViewFailure, ViewFile } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, fewerPartitions, isOfStream, originOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { entryFromArchive } from "./catch-up.ts";
import { Compactor, withJoined } from "./compactor.ts";
import type { StreamOutcome } from "./dead-rate.ts";
import { Folder } from "./fold.ts";
import { Generation } from "./generation.ts";
import { Intake, type StreamBatches } from "./intake.ts";

const bytesAhead = 32 * 1024 * 1024;
/** A stream that was stopped is opened again after this, ms. */
const retryMs = 5000;

export interface DeltaOptions {
  readonly store: Store;
  readonly log: Log;
  readonly history: History;
  /** One session to fold with and one to compact with: both are this writer's own. */
  readonly session: Session;
  readonly compactSession: Session;
  readonly flushMsMax: number;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

/** Of one stream of the shard. */
type StreamState =
  | {
      readonly name: "reading";
      /** How many the log has. */
      readonly partitions: number;
      /** As old as its part of the intake; null where none of them is the shard's. */
      readonly duplicates: Suppression | null;
      /** Why it was stopped before: it is reported until the log has answered. */
      readonly trouble: TidemarkError | null;
    }
  | { readonly name: "stopped"; readonly trouble: TidemarkError; readonly retryAt: number };

type State =
  | { readonly name: "idle"; readonly troubles: ReadonlyMap<string, TidemarkError> }
  | { readonly name: "reading"; readonly intake: Intake; readonly streams: Map<string, StreamState> };

/**
 * A writer is in one of these states:
 *
 * idle: nothing is read. It is so before its first step, and after one that failed: what was read ahead is not in the
 * delta, so the next step opens every stream at the position.
 *
 * reading: each stream of the definition is read from the position on, or stopped with its trouble while the others go
 * on, and opened again after a while. With none that is read, a step fails.
 *
 * What goes on beside the steps has states of its own: see `Compactor`.
 */
export class DeltaWriter {
  readonly generation: Generation;
  readonly #options: DeltaOptions;
  readonly #folder: Folder;
  readonly #compactor: Compactor;
  readonly #failed = new Map<string, ViewFailure>();
  #entries: readonly Entry[];
  #state: State = { name: "idle", troubles: new Map() };
  #events = 0;
  #judged: [stream: string, StreamOutcome][] = [];

  private constructor(options: DeltaOptions, generation: Generation, entries: readonly Entry[]) {
    const { store, session, compactSession, now, say } = options;
    this.#options = options;
    this.generation = generation;
    this.#entries = entries;
    this.#folder = new Folder(store, session, generation.manifest.definition);
    this.#compactor = new Compactor({ store, generation, session: compactSession, now, say });
    for (const [view, file] of Object.entries(generation.manifest.views))
      if (file.failed) this.#failed.set(view, file.failed);
    for (const entry of entries) this.#noteFailures(entry.views);
  }

  /** Opens a new generation on a version, takes over what is good of the one before, and commits its first HEAD. */
  static async open(options: DeltaOptions, manifest: VersionManifest, shard: number): Promise<DeltaWriter> {
    const generation = await Generation.create(options.store, manifest, shard);
    const entries = await generation.takeOver(options.say);
    await generation.commit(entries, options.now());
    // where writers come and go, batch may not come to it for long
    await cleanGenerations(options.store, manifest.number, shard).catch((error: unknown) => {
      options.say(`shard ${shard}: what older writers have left stays for now: ${messageOf(error)}`);
    });
    return new DeltaWriter(options, generation, entries);
  }

  get position(): Position {
    return this.#entries.at(-1)?.upto ?? this.generation.start;
  }

  /** Records folded since this writer was opened. */
  get events(): number {
    return this.#events;
  }

  /**
   * One micro-batch, or a poll of the log's end that found nothing; at most about `flushMsMax` plus the time it takes
   * to fold.
   * @returns the number of records folded
   * @throws SPEED_REJECTED, SPEED_FENCED, LOG_UNREACHABLE; LOG_RANGE, LOG_PARTITIONS, STORE_BEYOND_LOG … where no
   *   stream can be read any more; nothing of the micro-batch counts then
   */
  async step(): Promise<number> {
    try {
      return await this.#step();
    } catch (error) {
      await this.#stopReading();
      throw error;
    }
  }

  /** The streams that are not read now, and why. Their views stay at their positions; the others go on. */
  get stopped(): ReadonlyMap<string, TidemarkError> {
    if (this.#state.name === "idle") return this.#state.troubles;
    return new Map([...this.#state.streams].flatMap(([name, { trouble }]) => (trouble ? [[name, trouble]] : [])));
  }

  /** Views whose partial SQL fails on valid events, and why. */
  get failed(): ReadonlyMap<string, ViewFailure> {
    return this.#failed;
  }

  /** By stream, what was strange about timestamps since it was asked last. */
  strangeStamps(): ReadonlyMap<string, readonly StrangeStamp[]> {
    return new Map([...this.#duplicates].map(([stream, duplicates]) => [stream, duplicates.strangeStamps()]));
  }

  /** What became of the records that were committed since it was asked last: for each micro-batch, by stream. */
  judged(): readonly (readonly [stream: string, StreamOutcome])[] {
    return this.#judged.splice(0);
  }

  async close(): Promise<void> {
    await this.#stopReading();
    await this.#compactor.settled();
  }

  /** Until what goes on beside the steps has ended. */
  settled(): Promise<void> {
    return this.#compactor.settled();
  }

  async #step(): Promise<number> {
    const { flushMsMax } = this.#options;
    const { streams } = this.generation.manifest.definition;
    await this.generation.checkRejected();
    const intake = await this.#openStreams();
    this.#checkAnyReads();
    const { taken, failed } = await intake.take(flushMsMax);
    const count = taken.reduce((sum, each) => sum + each.batches.reduce((n, batch) => n + batch.count, 0), 0);
    if (taken.length > 0) await this.#foldAndAppend(taken);
    else if (this.#compactor.joined) await this.#append(null);
    else await this.generation.checkFence();
    for (const stream of streams) await this.#settle(stream, failed.get(stream.name));
    this.#checkAnyReads();
    this.#events += count;
    this.#compactor.begin(this.#entries);
    await this.#compactor.removeReplaced();
    return count;
  }

  // Streams

  get #streams(): ReadonlyMap<string, StreamState> {
    return this.#state.name === "reading" ? this.#state.streams : new Map();
  }

  /** By stream that is read. */
  get #duplicates(): ReadonlyMap<string, Suppression> {
    const found = new Map<string, Suppression>();
    for (const [name, state] of this.#streams)
      if (state.name === "reading" && state.duplicates) found.set(name, state.duplicates);
    return found;
  }

  #isRead(stream: string): boolean {
    return this.#streams.get(stream)?.name === "reading";
  }

  /** All of them, where none is read yet; else those that were stopped and are due. */
  async #openStreams(): Promise<Intake> {
    const { log, flushMsMax } = this.#options;
    const { streams } = this.generation.manifest.definition;
    if (this.#state.name === "reading") {
      for (const stream of streams) {
        const state = this.#state.streams.get(stream.name);
        if (state?.name === "stopped" && state.retryAt <= performance.now()) await this.#openStream(stream);
      }
      return this.#state.intake;
    }
    const prepare = (fetched: StreamBatches) => this.#folder.prepare(fetched);
    const intake = new Intake(log, bytesAhead, Math.min(flushMsMax, 200), prepare);
    const stopped = [...this.#state.troubles].map(([name, trouble]): [string, StreamState] => {
      return [name, { name: "stopped", trouble, retryAt: 0 }];
    });
    this.#state = { name: "reading", intake, streams: new Map(stopped) };
    for (const stream of streams) await this.#openStream(stream);
    return intake;
  }

  /** Reads on a stream from the position; its trouble stops it alone. */
  async #openStream(stream: StreamDefinition): Promise<void> {
    if (this.#state.name !== "reading") return;
    const { intake, streams } = this.#state;
    try {
      const partitions = await this.#countPartitions(stream);
      const { shards } = this.generation.manifest.definition;
      const owned = Array.from({ length: partitions }, (_, partition) => partition).filter(
        (partition) => partition % shards === this.generation.shard,
      );
      const duplicates = owned.length === 0 ? null : await this.#readOwned(intake, stream, owned);
      const trouble = owned.length === 0 ? null : (streams.get(stream.name)?.trouble ?? null);
      streams.set(stream.name, { name: "reading", partitions, duplicates, trouble });
    } catch (error) {
      if (!isOfStream(error)) throw error;
      await this.stop(stream.name, error);
    }
  }

  /** From the position on, once that is where the log still reaches. @returns what is known of duplicates there */
  async #readOwned(intake: Intake, stream: StreamDefinition, owned: readonly number[]): Promise<Suppression> {
    const { log, history, session } = this.#options;
    const on = { log, history, session, generation: this.generation, folder: this.#folder, failed: this.#failed };
    const entry = await entryFromArchive(on, this.position, stream, owned);
    if (entry) await this.#append(entry);
    // a partition that was added begins at 0
    const at = owned.map((partition) => {
      return { partition, offset: offsetAt(this.position, stream.name, partition) ?? 0 };
    });
    const before = this.#streams.get(stream.name);
    if (before?.name === "reading") await before.duplicates?.close();
    const duplicates = await this.#recall(stream, at);
    try {
      await intake.open(stream, new Map(at.map(({ partition, offset }) => [partition, offset])));
      return duplicates;
    } catch (error) {
      await duplicates.close();
      throw error;
    }
  }

  /** What duplicate suppression has to know at the position. */
  async #recall(stream: StreamDefinition, at: readonly StatePlace[]): Promise<Suppression> {
    const { history, session } = this.#options;
    const duplicates = await openState(suppression, { records: history.records, session, stream }, at, this.#entries);
    // the entries and the archive have it already
    duplicates.carry();
    duplicates.strangeStamps();
    return duplicates;
  }

  /** @throws LOG_PARTITIONS, LOG_STREAM_MISSING, STORE_BEYOND_LOG */
  async #countPartitions(stream: StreamDefinition): Promise<number> {
    const { store, log } = this.#options;
    await originOf(store, log, stream);
    const ends = await endOf(log, [stream]);
    checkWithinLog(this.position, ends);
    const count = Object.keys(ends[stream.name] ?? {}).length;
    const beyond = places(this.position).find((place) => place.stream === stream.name && place.partition >= count);
    if (beyond) throw fewerPartitions(stream, count, beyond.partition + 1);
    return count;
  }

  /** Reads a stream no more until its trouble is over, which is tried from time to time. */
  async stop(stream: string, trouble: TidemarkError): Promise<void> {
    if (this.#state.name === "idle") {
      this.#state = { name: "idle", troubles: new Map([...this.#state.troubles, [stream, trouble]]) };
      return;
    }
    const { intake, streams } = this.#state;
    await intake.closeStream(stream);
    const before = streams.get(stream);
    if (before?.name === "reading") await before.duplicates?.close();
    streams.set(stream, { name: "stopped", trouble, retryAt: performance.now() + retryMs });
  }

  /** Reads the new partitions, too, of a stream that has `partitions` of them now. */
  async grow(stream: StreamDefinition, partitions: number): Promise<void> {
    const state = this.#streams.get(stream.name);
    if (this.#state.name !== "reading" || state?.name !== "reading" || state.partitions === partitions) return;
    this.#options.say(`stream ${stream.name}: partitions were added, ${partitions} now instead of ${state.partitions}`);
    await this.#state.intake.closeStream(stream.name);
    await this.#openStream(stream);
  }

  /** What became of a stream in this step. @param failure of its reader; undefined: none. */
  async #settle(stream: StreamDefinition, failure: unknown): Promise<void> {
    if (this.#state.name !== "reading") return;
    if (failure === undefined) {
      const state = this.#state.streams.get(stream.name);
      if (state?.name === "reading" && state.trouble && this.#state.intake.hasAnswered(stream.name))
        this.#state.streams.set(stream.name, { ...state, trouble: null });
      return;
    }
    if (!isOfStream(failure)) throw failure;
    const before = this.position;
    await this.stop(stream.name, failure);
    // the archive may hold what the log has trimmed
    if (!isCode(failure, "LOG_RANGE")) return;
    await this.#openStream(stream);
    // a failure that repeats without progress does not pass by itself
    if (equals(before, this.position) && this.#isRead(stream.name)) await this.stop(stream.name, failure);
  }

  /** @throws the trouble of one of them where no stream of this shard is read any more */
  #checkAnyReads(): void {
    const states = [...this.#streams.values()];
    const stopped = states.find(({ name }) => name === "stopped");
    if (stopped?.trouble && !states.some(({ name }) => name === "reading")) throw stopped.trouble;
  }

  /** What was read ahead is dropped: it is not in the delta. */
  async #stopReading(): Promise<void> {
    if (this.#state.name === "idle") return;
    const { intake } = this.#state;
    const duplicates = [...this.#duplicates.values()];
    this.#state = { name: "idle", troubles: this.stopped };
    await intake.close();
    for (const each of duplicates) await each.close();
  }

  // Entries

  async #foldAndAppend(taken: readonly StreamBatches[]): Promise<void> {
    const { sequence, nameOf } = this.generation.nextNames();
    const duplicates = this.#duplicates;
    const { judged, ...folded } = await this.#folder.fold(taken, nameOf, this.#failed, duplicates);
    const states = carryStates(suppression, duplicates);
    const reached: Place[] = taken.flatMap(({ stream, batches }) =>
      batches.map((batch) => ({ stream: stream.name, partition: batch.partition, offset: batch.upto })),
    );
    const upto = positionOf([...places(this.position), ...reached]);
    await this.#append({ sequence, from: this.position, upto, states, level: 0, ...folded });
    this.#judged.push(...judged);
  }

  /** Commits one more entry (or only a finished compaction) with everything before it. */
  async #append(entry: Entry | null): Promise<void> {
    // more may be joined while this is committed
    const { joined } = this.#compactor;
    const before = joined ? withJoined(this.#entries, joined) : this.#entries;
    const entries = entry ? [...before, entry] : before;
    await this.generation.commit(entries, this.#options.now());
    this.#entries = entries;
    if (joined) this.#compactor.committed(joined);
    if (entry) this.#noteFailures(entry.views);
  }

  #noteFailures(views: Readonly<Record<string, ViewFile>>): void {
    for (const [name, { failed }] of Object.entries(views)) {
      if (!failed || this.#failed.has(name)) continue;
      this.#failed.set(name, failed);
      const at = failed.at ? ` at ${failed.at.stream} partition ${failed.at.partition} offset ${failed.at.offset}` : "";
      this.#options.say(`view ${name} FAILED${at}: ${failed.message}; the other views go on`);
    }
  }
}
