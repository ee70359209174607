/**
 * One shard's delta of one version: fetch → decode → partials → files → HEAD, until stopped.
 */
import type { Session } from "../shared/duckdb/duck.ts";
import type { Duplicates } from "../shared/duplicates/duplicates.ts";
import { isCode, messageOf } from "../shared/errors.ts";
import type { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { equals, offsetAt, type Place, type Position, places, positionOf, rangesBetween } from "../shared/position.ts";
import { cleanGenerations } from "../shared/store/generations.ts";
import type { Entry, VersionManifest, ViewFailure, ViewFile } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, logStream } from "../shared/store/origin.ts";
import { failedView, filesOf } from "../shared/store/partials.ts";
import { rejectDamaged } from "../shared/store/rejections.ts";
import type { Store } from "../shared/store/store.ts";
import { compact, compactable } from "./compaction.ts";
import { Folder } from "./fold.ts";
import { Generation } from "./generation.ts";
import { Intake, type Taken } from "./intake.ts";

/** Replaced files stay this long for readers that have just seen the HEAD before. */
const graceMs = 60_000;
const bytesAhead = 32 * 1024 * 1024;

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
  /** By stream; as old as the intake. */
  readonly #duplicates = new Map<string, Duplicates>();
  #compacting: Promise<void> | null = null;
  #compacted: { replaced: readonly Entry[]; by: Entry } | null = null;
  #discarded: { at: number; names: string[] }[] = [];
  #events = 0;

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
   * @throws SPEED_REJECTED, SPEED_FENCED, LOG_RANGE, LOG_UNREACHABLE, STORE_BEYOND_LOG; nothing of the micro-batch counts then
   */
  async step(): Promise<number> {
    try {
      return await this.#step();
    } catch (error) {
      // what was taken is not in the delta: whoever goes on reads again from the position
      await this.#closeIntake();
      if (!isCode(error, "LOG_RANGE") || !(await this.#catchUpFromArchive())) throw error;
      return 0;
    }
  }

  async #step(): Promise<number> {
    const { log, flushMsMax } = this.#options;
    const { streams } = this.generation.manifest.definition;
    await this.generation.checkRejected();
    if (!this.#intake) {
      checkWithinLog(this.position, await endOf(log, streams));
      await this.#catchUpFromArchive();
      await this.#remember();
      const look = (taken: Taken) => this.#folder.look(taken);
      this.#intake = await Intake.open(log, streams, this.position, bytesAhead, Math.min(flushMsMax, 200), look);
    }
    const taken = await this.#intake.take(flushMsMax);
    const count = taken.reduce((sum, each) => sum + each.batches.reduce((n, batch) => n + batch.count, 0), 0);
    if (taken.length > 0) await this.#append(await this.#fold(taken));
    else if (this.#compacted) await this.#append(null);
    else await this.generation.checkFence();
    this.#events += count;
    this.#compactBehind();
    await this.#discard();
    return count;
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
  async #remember(): Promise<void> {
    const { history, session } = this.#options;
    for (const stream of this.generation.manifest.definition.streams) {
      const at = places(this.position).filter((place) => place.stream === stream.name);
      const duplicates = await history.duplicatesAt(session, stream, at, this.#entries);
      // what is in the entries is told already
      duplicates.tell();
      this.#duplicates.set(stream.name, duplicates);
    }
  }

  async #closeIntake(): Promise<void> {
    await this.#intake?.close();
    this.#intake = null;
    for (const duplicates of this.#duplicates.values()) await duplicates.close();
    this.#duplicates.clear();
  }

  async #fold(taken: readonly Taken[]): Promise<Entry> {
    const { sequence, nameOf } = this.generation.nextNames();
    const folded = await this.#folder.fold(taken, nameOf, this.#failed, this.#duplicates);
    // see rememberTold
    const tellers = [...this.#duplicates].filter(([, { windowMs }]) => windowMs === null);
    const told = Object.fromEntries(tellers.map(([stream, duplicates]) => [stream, duplicates.tell()]));
    const reached: Place[] = taken.flatMap(({ stream, batches }) =>
      batches.map((batch) => ({ stream: stream.name, partition: batch.partition, offset: batch.upto })),
    );
    const upto = positionOf([...places(this.position), ...reached]);
    return { sequence, from: this.position, upto, told, level: 0, ...folded };
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

  /** Where the log no longer reaches back to the position, the archive does: its events become entries too. True: it did. */
  async #catchUpFromArchive(): Promise<boolean> {
    const { log, history, session } = this.#options;
    const before = this.position;
    for (const stream of this.generation.manifest.definition.streams) {
      const first = await log.first(logStream(stream));
      const missing = places(this.position).filter(
        (place) => place.stream === stream.name && (first[place.partition] ?? 0) > place.offset,
      );
      if (missing.length === 0) continue;
      const reached = await Promise.all(
        missing.map(async (place) => ({ ...place, offset: await history.archivedTo(place.stream, place.partition) })),
      );
      const upto = positionOf([
        ...places(this.position),
        ...reached.filter((place) => place.offset > (offsetAt(this.position, place.stream, place.partition) ?? 0)),
      ]);
      if (equals(upto, this.position)) continue;
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
      const { counts, dead, latest } = await history.archived(session, stream, ranges);
      const deadFile = await this.#folder.writeDead(dead, nameOf(""));
      await this.#append({
        sequence,
        from: this.position,
        upto,
        ...counts,
        latest,
        deadFile,
        views,
        told: {},
        level: 1,
      });
    }
    return !equals(before, this.position);
  }
}
