/**
 * One shard's delta of one version: fetch → decode → partials → files → HEAD, until stopped.
 */
import { archivedIn } from "../shared/archive/stretch.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { StrangeStamp } from "../shared/duplicates/duplicates.ts";
import { isCode, messageOf, type TidemarkError } from "../shared/errors.ts";
import type { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { equals, offsetAt, type Place, type Position, places, positionOf, rangesBetween } from "../shared/position.ts";
import { carryStates } from "../shared/state/entries.ts";
import { openState } from "../shared/state/open.ts";
import { type Suppression, suppression } from "../shared/state/suppression.ts";
import { cleanGenerations } from "../shared/store/generations.ts";
import type { Entry, VersionManifest, ViewFailure, ViewFile } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, fewerPartitions, isOfStream, logStream, originOf } from "../shared/store/origin.ts";
import { failedView, filesOf } from "../shared/store/partials.ts";
import { rejectDamaged } from "../shared/store/rejections.ts";
import type { Store } from "../shared/store/store.ts";
import { compact, compactable } from "./compaction.ts";
import type { Judged } from "./dead-rate.ts";
import { Folder } from "./fold.ts";
import { Generation } from "./generation.ts";
import { Intake, type Taken } from "./intake.ts";

/** Replaced files stay this long for readers that have just seen the HEAD before. */
const graceMs = 60_000;
const bytesAhead = 32 * 1024 * 1024;
/** A stream that stopped is tried again after so long. */
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

export class DeltaWriter {
  readonly generation: Generation;
  readonly #options: DeltaOptions;
  readonly #folder: Folder;
  #entries: readonly Entry[];
  #failed: Map<string, ViewFailure>;
  #intake: Intake | null = null;
  /** By stream that is read; as old as its part of the intake. */
  readonly #duplicates = new Map<string, Suppression>();
  /** Of each stream that is read, how many partitions the log has. */
  readonly #partitions = new Map<string, number>();
  readonly #stopped = new Map<string, { readonly error: TidemarkError; readonly tryAt: number }>();
  #compacting: Promise<void> | null = null;
  #compacted: { replaced: readonly Entry[]; by: Entry } | null = null;
  #discarded: { at: number; names: string[] }[] = [];
  #events = 0;
  #judged: [stream: string, Judged][] = [];

  private constructor(options: DeltaOptions, generation: Generation, entries: readonly Entry[]) {
    this.#options = options;
    this.generation = generation;
    this.#entries = entries;
    this.#folder = new Folder(options.store, options.session, generation.manifest.definition);
    this.#failed = new Map();
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
   * One micro-batch, or a look at the log's end that found nothing; at most about `flushMsMax` plus the time it takes to fold.
   * @returns the number of records folded
   * @throws SPEED_REJECTED, SPEED_FENCED, LOG_UNREACHABLE; LOG_RANGE, LOG_PARTITIONS, STORE_BEYOND_LOG … where no stream can be read any
   *   more; nothing of the micro-batch counts then
   */
  async step(): Promise<number> {
    try {
      return await this.#step();
    } catch (error) {
      // what was taken is not in the delta: whoever goes on reads again from the position
      await this.#closeIntake();
      throw error;
    }
  }

  /** The streams that are not read now, and why. Their views stand where they were; the others go on. */
  get stopped(): ReadonlyMap<string, TidemarkError> {
    return new Map([...this.#stopped].map(([stream, { error }]) => [stream, error]));
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
  judged(): readonly (readonly [stream: string, Judged])[] {
    return this.#judged.splice(0);
  }

  /** Reads a stream no more until its trouble is over, which is looked for from time to time. */
  async stop(stream: string, error: TidemarkError): Promise<void> {
    await this.#intake?.drop(stream);
    await this.#duplicates.get(stream)?.close();
    this.#duplicates.delete(stream);
    this.#partitions.delete(stream);
    this.#stopped.set(stream, { error, tryAt: performance.now() + retryMs });
  }

  /** The log has so many partitions of the stream now: those that are new are read, too. */
  async grow(stream: StreamDefinition, partitions: number): Promise<void> {
    const known = this.#partitions.get(stream.name);
    if (!this.#intake || known === undefined || known === partitions) return;
    this.#options.say(`stream ${stream.name}: partitions were added, ${partitions} now instead of ${known}`);
    await this.#intake.drop(stream.name);
    await this.#openStream(stream);
  }

  async #step(): Promise<number> {
    const { log, flushMsMax } = this.#options;
    const { streams } = this.generation.manifest.definition;
    await this.generation.checkRejected();
    if (!this.#intake) {
      const look = (taken: Taken) => this.#folder.look(taken);
      this.#intake = new Intake(log, bytesAhead, Math.min(flushMsMax, 200), look);
      for (const stream of streams) await this.#openStream(stream);
    } else {
      const due = streams.filter(({ name }) => (this.#stopped.get(name)?.tryAt ?? Infinity) <= performance.now());
      for (const stream of due) if (!this.#partitions.has(stream.name)) await this.#openStream(stream);
    }
    this.#checkAnyReads();
    const { taken, failed } = await this.#intake.take(flushMsMax);
    const count = taken.reduce((sum, each) => sum + each.batches.reduce((n, batch) => n + batch.count, 0), 0);
    if (taken.length > 0) await this.#foldAndAppend(taken);
    else if (this.#compacted) await this.#append(null);
    else await this.generation.checkFence();
    for (const stream of streams) await this.#settle(stream, failed.get(stream.name));
    this.#checkAnyReads();
    this.#events += count;
    this.#compactBehind();
    await this.#discard();
    return count;
  }

  /** What became of a stream in this step. @param failure of its reader; undefined: none. */
  async #settle(stream: StreamDefinition, failure: unknown): Promise<void> {
    if (failure === undefined) {
      if (this.#intake!.hasAnswered(stream.name)) this.#stopped.delete(stream.name);
      return;
    }
    if (!isOfStream(failure)) throw failure;
    const before = this.position;
    await this.stop(stream.name, failure);
    // what the log has forgotten the archive may hold
    if (!isCode(failure, "LOG_RANGE")) return;
    await this.#openStream(stream);
    // the same failure again and again, without a step ahead, is none that passes
    if (equals(before, this.position) && this.#partitions.has(stream.name)) await this.stop(stream.name, failure);
  }

  /** @throws the trouble of one of them where no stream of this shard is read any more */
  #checkAnyReads(): void {
    const first = [...this.#stopped.values()][0];
    if (first && this.#partitions.size === 0) throw first.error;
  }

  /** Reads on a stream from the position; its trouble stops it alone. */
  async #openStream(stream: StreamDefinition): Promise<void> {
    try {
      const count = await this.#countPartitions(stream);
      const owned = Array.from({ length: count }, (_, partition) => partition).filter(
        (partition) => partition % this.generation.manifest.definition.shards === this.generation.shard,
      );
      if (owned.length === 0) return void this.#partitions.set(stream.name, count);
      await this.#catchUpFromArchive(stream, owned);
      const at = owned.map((partition) => ({ partition, offset: this.#offsetOf(stream, partition) }));
      await this.#duplicates.get(stream.name)?.close();
      this.#duplicates.set(stream.name, await this.#remember(stream, at));
      await this.#intake!.open(stream, new Map(at.map(({ partition, offset }) => [partition, offset])));
      this.#partitions.set(stream.name, count);
    } catch (error) {
      if (!isOfStream(error)) throw error;
      await this.stop(stream.name, error);
    }
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

  /** A partition that was added begins at 0. */
  #offsetOf(stream: StreamDefinition, partition: number): number {
    return offsetAt(this.position, stream.name, partition) ?? 0;
  }

  async close(): Promise<void> {
    await this.#closeIntake();
    await this.#compacting;
  }

  /** Until what goes on beside the steps has ended. */
  async settled(): Promise<void> {
    await this.#compacting;
  }

  /** What duplicate suppression has to know at the position. */
  async #remember(
    stream: StreamDefinition,
    at: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<Suppression> {
    const { history, session } = this.#options;
    const duplicates = await openState(suppression, { records: history.records, session, stream }, at, this.#entries);
    // the entries and the archive have it already
    duplicates.carry();
    duplicates.strangeStamps();
    return duplicates;
  }

  async #closeIntake(): Promise<void> {
    await this.#intake?.close();
    this.#intake = null;
    for (const duplicates of this.#duplicates.values()) await duplicates.close();
    this.#duplicates.clear();
    this.#partitions.clear();
  }

  async #foldAndAppend(taken: readonly Taken[]): Promise<void> {
    const { sequence, nameOf } = this.generation.nextNames();
    const { judged, ...folded } = await this.#folder.fold(taken, nameOf, this.#failed, this.#duplicates);
    const states = carryStates(suppression, this.#duplicates);
    const reached: Place[] = taken.flatMap(({ stream, batches }) =>
      batches.map((batch) => ({ stream: stream.name, partition: batch.partition, offset: batch.upto })),
    );
    const upto = positionOf([...places(this.position), ...reached]);
    await this.#append({ sequence, from: this.position, upto, states, level: 0, ...folded });
    this.#judged.push(...judged);
  }

  /** Commits one more entry (or only a finished compaction) with everything before it. */
  async #append(entry: Entry | null): Promise<void> {
    let entries = this.#entries;
    const done = this.#compacted;
    if (done) {
      const at = entries.indexOf(done.replaced[0]!);
      entries = [...entries.slice(0, at), done.by, ...entries.slice(at + done.replaced.length)];
    }
    if (entry) entries = [...entries, entry];
    await this.generation.commit(entries, this.#options.now());
    this.#entries = entries;
    if (entry) this.#noteFailures(entry.views);
    if (done) {
      this.#discarded.push({
        at: this.#options.now() + graceMs,
        names: done.replaced.flatMap(filesOf).map((file) => file.name),
      });
      this.#compacted = null;
    }
  }

  #noteFailures(views: Readonly<Record<string, ViewFile>>): void {
    for (const [name, view] of Object.entries(views)) {
      if (!view.failed || this.#failed.has(name)) continue;
      this.#failed.set(name, view.failed);
      const at = view.failed.at
        ? ` at ${view.failed.at.stream} partition ${view.failed.at.partition} offset ${view.failed.at.offset}`
        : "";
      this.#options.say(`view ${name} FAILED${at}: ${view.failed.message}; the other views go on`);
    }
  }

  #compactBehind(): void {
    if (this.#compacting || this.#compacted) return;
    const run = compactable(this.#entries);
    if (run.length === 0) return;
    const { store, compactSession, say } = this.#options;
    const { sequence, nameOf } = this.generation.nextNames();
    this.#compacting = compact(store, compactSession, this.generation.manifest.definition, run, sequence, nameOf)
      .then(
        (by) => {
          this.#compacted = { replaced: run, by };
        },
        async (error: unknown) => {
          say(`compaction failed, the entries stay as they are: ${messageOf(error)}`);
          if (isCode(error, "STORE_CORRUPT", "STORE_MISSING"))
            await rejectDamaged(store, this.generation.manifest, error);
        },
      )
      .finally(() => {
        this.#compacting = null;
      });
  }

  async #discard(): Promise<void> {
    const due = this.#discarded.filter((each) => each.at <= this.#options.now());
    if (due.length === 0) return;
    this.#discarded = this.#discarded.filter((each) => !due.includes(each));
    for (const name of due.flatMap((each) => each.names)) await this.#options.store.remove(name);
  }

  /** Where the log no longer reaches back to the position, the archive does: its events become entries too. */
  async #catchUpFromArchive(stream: StreamDefinition, owned: readonly number[]): Promise<void> {
    const { log, history, session } = this.#options;
    const first = await log.first(logStream(stream));
    const reached: Place[] = [];
    for (const partition of owned) {
      const at = this.#offsetOf(stream, partition);
      if ((first[partition] ?? 0) <= at) continue;
      const offset = await history.records.archivedTo(stream.name, partition);
      if (offset > at) reached.push({ stream: stream.name, partition, offset });
    }
    if (reached.length === 0) return;
    const upto = positionOf([...places(this.position), ...reached]);
    const ranges = rangesBetween(this.position, upto);
    const inputsOf = history.inputs(session, this.generation.manifest.definition, ranges);
    const { sequence, nameOf } = this.generation.nextNames();
    const views: Record<string, ViewFile> = {};
    for (const view of this.generation.manifest.definition.views) {
      const failed = this.#failed.get(view.name);
      if (failed) views[view.name] = { file: null, rows: 0, failed };
      else if (!view.streams.includes(stream.name)) views[view.name] = { file: null, rows: 0 };
      else {
        views[view.name] = await this.#folder
          .foldInputs(view, await inputsOf(view), nameOf(view.name))
          .catch((error: unknown) => failedView(error, null));
      }
    }
    const { counts, dead, latest } = await archivedIn(history.records, session, stream, ranges);
    const deadFile = await this.#folder.writeDead(dead, nameOf(""));
    await this.#append({
      sequence,
      from: this.position,
      upto,
      ...counts,
      latest,
      deadFile,
      views,
      states: {},
      level: 1,
    });
  }
}
