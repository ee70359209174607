/**
 * rebuild (Kappa): replays all events from the beginning, archive below and log above, into a new version; compares it with what is
 * served at the same position; and switches.
 */

import { Archive } from "../shared/archive/archive.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import { countsBelow } from "../shared/archive/stretch.ts";
import { combineOf, partialOf, rowsOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import { Duck, type Session } from "../shared/duckdb/duck.ts";
import { messageOf } from "../shared/errors.ts";
import { isOfValues } from "../shared/health/failing-groups.ts";
import { History } from "../shared/history/history.ts";
import { covers, equals, type Position, places, positionOf, rangesBetween } from "../shared/position.ts";
import { compareServed } from "../shared/proof/answers.ts";
import { compareDerivations, notCompared, type Verdict, whyIncomparable } from "../shared/proof/derivations.ts";
import { layout, manifestFormat, type VersionManifest, type ViewFile } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, ensureOrigin, ensureVersion } from "../shared/store/origin.ts";
import { failedView, failureOf, partialsIn, snapshotFiles, writePartials } from "../shared/store/partials.ts";
import { pinAgain, unpin } from "../shared/store/pin.ts";
import { checkedPartials } from "../shared/store/snapshot-rows.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { type Snapshot, snapshotOf } from "../shared/store/versions.ts";
import { archive } from "./archive.ts";
import { checkArchivedAlike, checkFields } from "./changed-fields.ts";
import { publish } from "./publish.ts";
import { RebuildProgress, rebuildId, type Stretch } from "./rebuild-progress.ts";
import { recompute, tried } from "./recompute.ts";
import type { Batch } from "./run.ts";

export interface RebuildOptions {
  readonly batch: Batch;
  /** Which views to replay; none: all. Those that are not named are taken as they are served, where they mean the same. */
  readonly views: readonly string[];
  /** Without it, it rests after each step for as long as the step took, on one thread. */
  readonly fullSpeed: boolean;
  /** Offsets a step. */
  readonly perStep: number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Offsets done, and to do, since the beginning. */
  readonly onStep: (done: number, all: number) => void;
}

export interface RebuildResult {
  readonly manifest: VersionManifest;
  /** `left` is served, `right` replayed. */
  readonly views: readonly Verdict[];
}

/** More stretches than this are combined into one. */
const stretchesMax = 16;
/** A target that has moved on this often is near enough. */
const targetsMax = 10;

/** @throws CONFIG_STREAM, LOG_RANGE, BATCH_STALE; nothing is published then, and the next rebuild goes on where this one was */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { batch } = options;
  const { store, log } = batch;
  const definition = await batch.makeDefinition();
  const newest = await ensureVersion(store, log, async () => definition);
  checkFields(definition, newest);
  const origin = await ensureOrigin(store, log, definition.streams);
  const duck = await Duck.open({
    memoryLimit: batch.memoryLimit,
    tempDir: store.scratch("spill"),
    timezone: definition.timezone,
    ...(options.fullSpeed ? {} : { threads: 1 }),
  });
  const session = await duck.session();
  const run = store.newRun();
  let published = false;
  try {
    const views = definition.views.filter((view) => isReplayed(view, options.views, newest));
    const progress = await RebuildProgress.open(store, rebuildId(definition, views, origin), origin, batch.say);
    const history = new History(store, log, origin);
    let archived = await Archive.read(store, origin);
    const archiveTo = async (upto: Position) => {
      archived = (await archive({ store, log, records: history.records, session }, archived, definition.streams, upto))
        .archive;
    };
    // read from the archive, no stretch has to look for duplicates in all of the log before it; changed fields count from the cut on only
    const alike = newest.definition.streams.every((old) => {
      const now = definition.streams.find((each) => each.name === old.name);
      return now && decoderOf(now) === decoderOf(old);
    });
    if (alike) await archiveTo(await endOf(log, definition.streams));
    const replay = new Replay(options, history, session, { ...definition, views }, progress);
    const snapshot = await replay.toServed(newest, run);
    const cut = progress.position;
    await archiveTo(cut);
    const merged = (view: ViewDefinition, files: readonly FileRef[]) =>
      join(store, session, view, files, layout.versionFile(run, view.name));
    const files: Record<string, ViewFile> = {};
    const compared: Verdict[] = [];
    for (const view of views) {
      const stretches = progress.stretches.map((stretch) => stretch.views[view.name]!);
      const failed = stretches.find((file) => file.failed);
      files[view.name] =
        failed ??
        (await merged(
          view,
          stretches.flatMap((each) => each.file ?? []),
        ));
      compared.push(await compare({ store, session, definition }, snapshot, view, files[view.name]!));
    }
    // the others as they are served; what is not served well at this position is made anew
    const others = definition.views.filter((view) => !views.includes(view));
    const served = others.filter((view) => snapshot && !failureOf(snapshot, view.name));
    for (const view of served) files[view.name] = await merged(view, snapshotFiles(snapshot!, view.name));
    const anew = others.filter((view) => !served.includes(view));
    Object.assign(
      files,
      await recompute({ store, history, session }, { ...definition, views: anew }, origin, cut, run, null),
    );
    await checkArchivedAlike(store, origin, definition, newest.definition, cut);
    const unequal = compared.filter((each) => each.differences.length > 0).map((each) => each.view);
    const equal = compared.filter((each) => each.incomparable === null && each.differences.length === 0);
    const counted = await countsBelow(history.records, session, cut);
    const manifest = await publish(batch, {
      format: manifestFormat,
      createdAt: new Date(batch.now()).toISOString(),
      cause: "rebuild",
      definition,
      origin,
      cut,
      views: files,
      ...counted,
      proof:
        unequal.length === 0 && equal.length > 0
          ? { state: "proved", by: `version ${newest.number} and its delta`, views: equal.length }
          : {
              state: "unproved",
              by: unequal.length > 0 ? `other rows than served: ${unequal.join(", ")}` : "nothing alike is served",
              views: 0,
            },
    });
    published = true;
    await progress.remove();
    return { manifest, views: compared };
  } finally {
    session.close();
    duck.close();
    await unpin(store, run);
    if (!published) await store.remove(layout.versionFolder(run));
  }
}

/** A view that is not named is taken as it is served, unless it means something else now or has failed. */
function isReplayed(view: ViewDefinition, named: readonly string[], newest: VersionManifest): boolean {
  const before = newest.definition.views.find((each) => each.name === view.name);
  return (
    named.length === 0 || named.includes(view.name) || before?.identity !== view.identity || newest.cause === "origin"
  );
}

class Replay {
  readonly #options: RebuildOptions;
  readonly #history: History;
  readonly #session: Session;
  readonly #definition: Definition;
  readonly #progress: RebuildProgress;

  constructor(
    options: RebuildOptions,
    history: History,
    session: Session,
    definition: Definition,
    progress: RebuildProgress,
  ) {
    this.#options = options;
    this.#history = history;
    this.#session = session;
    this.#definition = definition;
    this.#progress = progress;
  }

  /** Replays up to what is served, which moves on meanwhile; the served snapshot then, pinned, at exactly that position. */
  async toServed(newest: VersionManifest, run: string): Promise<Snapshot | null> {
    const { store, log } = this.#options.batch;
    const { streams } = this.#definition;
    for (let targets = 1; ; targets++) {
      const snapshot = await pinAgain(store, run, () => snapshotOf(store, newest));
      const end = await endOf(log, streams);
      // other streams, or a delta that does not reach what was replayed before: the log's end counts
      const alike =
        snapshot && sameStreams(snapshot.position, end) && covers(snapshot.position, this.#progress.position);
      const target = alike && snapshot.heads.length > 0 ? snapshot.position : end;
      checkWithinLog(target, end);
      await this.#upTo(target);
      const now = await snapshotOf(store, newest);
      if (targets < targetsMax && distance(target, now.position) > this.#options.perStep) {
        await unpin(store, run);
        continue;
      }
      return alike && equals(snapshot.position, target) ? snapshot : null;
    }
  }

  async #upTo(target: Position): Promise<void> {
    const { perStep, fullSpeed, sleep, onStep } = this.#options;
    const progress = this.#progress;
    while (!equals(progress.position, target)) {
      const began = performance.now();
      const upto = nextPosition(progress.position, target, perStep);
      await progress.commit([...progress.stretches, await this.#step(progress.position, upto)]);
      if (progress.stretches.length > stretchesMax) await progress.commit([await this.#combined()]);
      const origin = progress.stretches[0]!.from;
      onStep(distance(origin, progress.position), distance(origin, target));
      if (!fullSpeed) await sleep(performance.now() - began);
    }
  }

  async #step(from: Position, upto: Position): Promise<Stretch> {
    const inputsOf = this.#history.inputs(this.#session, this.#definition, rangesBetween(from, upto));
    const failed = failures(this.#progress.stretches);
    const views: Record<string, ViewFile> = {};
    for (const view of this.#definition.views) {
      const before = failed[view.name];
      views[view.name] = before ?? (await this.#write(view, partialOf(view, await inputsOf(view))));
    }
    return { from, upto, views };
  }

  async #combined(): Promise<Stretch> {
    const { store } = this.#options.batch;
    const { stretches } = this.#progress;
    const failed = failures(stretches);
    const views: Record<string, ViewFile> = {};
    for (const view of this.#definition.views) {
      const files = stretches.flatMap((stretch) => stretch.views[view.name]!.file ?? []);
      for (const file of files) await store.check(file);
      views[view.name] =
        failed[view.name] ?? (await this.#write(view, combineOf(view, partialsIn(store, view, files))));
    }
    return { from: stretches[0]!.from, upto: stretches.at(-1)!.upto, views };
  }

  async #write(view: ViewDefinition, partials: string): Promise<ViewFile> {
    const { store, say } = this.#options.batch;
    const name = this.#progress.nextName(view.name);
    try {
      return await writePartials(this.#session, store, view, partials, name, { durable: false });
    } catch (error) {
      const failed = failedView(error, null);
      say(`view ${view.name} FAILED and can't be answered: ${messageOf(error)}`);
      return failed;
    }
  }
}

function failures(stretches: readonly Stretch[]): Record<string, ViewFile> {
  return Object.fromEntries(stretches.flatMap(({ views }) => Object.entries(views).filter(([, file]) => file.failed)));
}

/** So many offsets further, as even over the partitions as they lie behind. */
function nextPosition(from: Position, target: Position, perStep: number): Position {
  const behind = rangesBetween(from, target);
  const each = Math.max(1, Math.floor(perStep / Math.max(1, behind.length)));
  const reached = behind.map(({ stream, partition, from: start, upto }) => {
    return { stream, partition, offset: Math.min(upto, start + each) };
  });
  return positionOf([...places(from), ...reached]);
}

/** About how many records lie between: offsets have gaps. */
function distance(from: Position, upto: Position): number {
  return places(upto).reduce((sum, { stream, partition, offset }) => {
    return sum + Math.max(0, offset - (from[stream]?.[partition] ?? offset));
  }, 0);
}

function sameStreams(a: Position, b: Position): boolean {
  return (
    places(a).length === places(b).length &&
    places(a).every(({ stream, partition }) => b[stream]?.[partition] !== undefined)
  );
}

/** All of a view's partials in one durable file. */
async function join(
  store: Store,
  session: Session,
  view: ViewDefinition,
  files: readonly FileRef[],
  name: string,
): Promise<ViewFile> {
  for (const file of files) await store.check(file);
  const merged = combineOf(view, partialsIn(store, view, files));
  return writePartials(session, store, view, merged, name, { durable: true }).then(
    (file) => tried(store, session, view, file),
    (error: unknown) => failedView(error, null),
  );
}

/** What was replayed of a view against what is served: as rows; as partials where there are none, or roundings lie between. */
async function compare(
  { store, session, definition }: { store: Store; session: Session; definition: Definition },
  snapshot: Snapshot | null,
  view: ViewDefinition,
  { file, failed }: ViewFile,
): Promise<Verdict> {
  const { name } = view;
  if (!snapshot) return notCompared(name, "nothing is served at this position");
  const before = snapshot.manifest.definition.views.find((each) => each.name === name);
  const served = { view: before, failed: before ? failureOf(snapshot, name) : null };
  const incomparable = whyIncomparable(served, { view, failed: failed ?? null });
  if (incomparable !== null) return notCompared(name, incomparable);
  if (file) await store.check(file);
  const [old, fresh] = [await checkedPartials(store, snapshot, view), partialsIn(store, view, file ? [file] : [])];
  const rows = await compareServed(
    session,
    view,
    [rowsOf(before!, old), rowsOf(view, fresh)],
    view.columns,
    async () => false,
  ).catch((error: unknown) => {
    // groups without a value have no rows to compare
    if (!isOfValues(error)) throw error;
    return null;
  });
  if (rows && (rows.differences.length > 0 || !rows.rounding)) return { view: name, ...rows, incomparable };
  const partials = await compareDerivations(session, definition, view, old, fresh);
  return { view: name, rows: rows?.rows ?? partials.rows, differences: partials.differences, incomparable };
}
