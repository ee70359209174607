/**
 * history → partials: stretches of the past are folded into partials, partials are combined, and one file for each view
 * is left. A past that is a single stretch needs no combining, so it is folded straight into that file.
 *
 * A unit of work is a stretch and some views: it reads nothing but the past, and names what it has made by files.
 */
import type { Archive } from "../shared/archive/archive.ts";
import { combineOf, partialOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { messageOf } from "../shared/errors.ts";
import { failingGroups } from "../shared/health/failing-groups.ts";
import type { History } from "../shared/history/history.ts";
import { covers, equals, type Position, rangesBetween } from "../shared/position.ts";
import { layout, type ViewFile } from "../shared/store/layout.ts";
import { failedView, partialsIn, writePartials } from "../shared/store/partials.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { discardFolds, FoldProgress, foldId, type Stretch } from "./fold-progress.ts";
import type { Run } from "./opened-run.ts";
import type { Fold, FoldedView, Link } from "./plan.ts";
import { distance, nextStretch, type StretchLimits } from "./stretches.ts";

/** The size of a fold's steps, and what happens between them. */
export interface Pace {
  readonly limits: StretchLimits;
  /** Called between stretches with how long the last one took, ms. */
  readonly rest: (ms: number) => Promise<void>;
  /** Called with the offsets done and the total, since the fold began. */
  readonly onStretch: (done: number, all: number) => void;
}

export interface FoldContext {
  readonly store: Store;
  readonly session: Session;
  readonly definition: Definition;
  readonly history: History;
  readonly archive: Archive;
  readonly pace: Pace;
  /** A monotonic clock, ms. */
  readonly clock: () => number;
  readonly say: (line: string) => void;
  /** Folds with committed stretches, by id; they are removed once the version is published. */
  readonly begun: Map<string, FoldProgress>;
}

export function foldingOf(
  { batch: { store, say }, session, definition, history, clock }: Run,
  archive: Archive,
  pace: Pace,
  begun: Map<string, FoldProgress>,
): FoldContext {
  return { store, session, definition, history: history.over(archive), archive, pace, clock, say, begun };
}

/** Without rests. A stretch is a minute's work or more; a crash loses at most one. */
export const fullPace: Pace = {
  limits: { bytes: 2 * 2 ** 30, offsets: Number.POSITIVE_INFINITY },
  rest: async () => undefined,
  onStretch: () => undefined,
};

/**
 * This many stretches of a level are combined into one of the next; the tree rewrites each partial only a few
 * times.
 */
const fanIn = 16;

/** Folds every view over all events below the cut, each into a durable file under `run`, unless its SQL fails. */
export async function foldInto(
  on: FoldContext,
  fold: Fold,
  upto: Position,
  run: string,
): Promise<Record<string, ViewFile>> {
  const stretches = await stretchesBefore(on, fold, upto);
  const rest = rangesBetween(stretches.at(-1)?.upto ?? fold.from, upto);
  const inputsOf = on.history.inputs(on.session, on.definition, rest);
  const failed = failures(stretches);
  const files: Record<string, ViewFile> = {};
  for (const { view, kept, note } of fold.views) {
    const started = on.clock();
    const folded = [...kept, ...stretches.flatMap(({ views }) => views[view.name]?.file ?? [])];
    const fresh = rest.length > 0 || folded.length === 0 ? partialOf(view, await inputsOf(view)) : null;
    files[view.name] =
      failed[view.name] ?? (await foldedFile(on, view, folded, fresh, layout.versionFile(run, view.name)));
    if (note !== null) on.say(`view ${view.name}: ${note} (${Math.round(on.clock() - started)} ms)`);
  }
  return files;
}

/**
 * A linked view's file, with the groups whose value can't be computed, which are found now if they are not
 * known yet.
 */
export async function linkFile({ store, session, clock, say }: FoldContext, link: Link): Promise<ViewFile> {
  const started = clock();
  const file = link.isTried ? link.file : await withFailingGroups(store, session, link.view, link.file);
  say(`view ${link.view.name}: ${link.note} (${Math.round(clock() - started)} ms)`);
  return file;
}

/** Folds up to a position, in stretches that outlive the process. */
export async function foldAhead(on: FoldContext, fold: Fold, progress: FoldProgress, target: Position): Promise<void> {
  while (!equals(progress.position, target)) await foldNext(on, fold, progress, target);
}

/** The file, with the groups whose value can't be computed. */
export async function withFailingGroups(
  store: Store,
  session: Session,
  view: ViewDefinition,
  found: ViewFile,
): Promise<ViewFile> {
  const partials = await partialsIn(store, view, found.file ? [found.file] : []);
  return { ...found, failing: await failingGroups(session, view, partials) };
}

/** The stretches to fold before the last one: none when a single stretch covers the whole past. */
async function stretchesBefore(on: FoldContext, fold: Fold, upto: Position): Promise<readonly Stretch[]> {
  const { store, definition, archive, pace, say, begun } = on;
  const isLast = (from: Position) => equals(nextStretch(archive, from, upto, pace.limits), upto);
  const id = foldId(definition, fold);
  if (!begun.has(id) && isLast(fold.from)) return [];
  const progress = begun.get(id) ?? (await FoldProgress.open(store, id, fold.from, say));
  begun.set(id, progress);
  await discardFolds(store, [...begun.keys()], "own", say);
  // an earlier run may have had a later cut
  const below = progress.stretches.filter((stretch) => covers(upto, stretch.upto));
  if (below.length < progress.stretches.length) await progress.commit(below);
  while (!isLast(progress.position)) await foldNext(on, fold, progress, upto);
  return progress.stretches;
}

/** Folds one stretch more. */
async function foldNext(on: FoldContext, fold: Fold, progress: FoldProgress, target: Position): Promise<void> {
  const { archive, pace, clock } = on;
  const started = clock();
  const upto = nextStretch(archive, progress.position, target, pace.limits);
  await progress.commit([...progress.stretches, await folded(on, fold.views, progress, upto)]);
  for (let last = lastOfOneLevel(progress.stretches); last.length >= fanIn; last = lastOfOneLevel(progress.stretches))
    await progress.commit([
      ...progress.stretches.slice(0, -last.length),
      await combined(on, fold.views, progress, last),
    ]);
  pace.onStretch(distance(fold.from, progress.position), distance(fold.from, target));
  await pace.rest(clock() - started);
}

/** The partials of one stretch's events. */
async function folded(
  on: FoldContext,
  views: readonly FoldedView[],
  progress: FoldProgress,
  upto: Position,
): Promise<Stretch> {
  const from = progress.position;
  const inputsOf = on.history.inputs(on.session, on.definition, rangesBetween(from, upto));
  const files = await filesOf(on, views, progress, progress.stretches, async (view) =>
    partialOf(view, await inputsOf(view)),
  );
  return { from, upto, views: files, level: 0 };
}

/** The partials of adjacent stretches, combined. */
async function combined(
  on: FoldContext,
  views: readonly FoldedView[],
  progress: FoldProgress,
  stretches: readonly Stretch[],
): Promise<Stretch> {
  const files = await filesOf(on, views, progress, stretches, async (view) => {
    const parts = stretches.flatMap((stretch) => stretch.views[view.name]?.file ?? []);
    return combineOf(view, await partialsIn(on.store, view, parts));
  });
  const level = (stretches[0]!.level ?? 0) + 1;
  return { from: stretches[0]!.from, upto: stretches.at(-1)!.upto, views: files, level };
}

/** Writes a file for each view that has not failed. */
async function filesOf(
  { store, session, say }: FoldContext,
  views: readonly FoldedView[],
  progress: FoldProgress,
  before: readonly Stretch[],
  partials: (view: ViewDefinition) => Promise<string>,
): Promise<Record<string, ViewFile>> {
  const failed = failures(before);
  const files: Record<string, ViewFile> = {};
  for (const { view } of views) {
    const write = async () =>
      writePartials(session, store, view, await partials(view), progress.nextName(view.name), { durable: false });
    files[view.name] =
      failed[view.name] ??
      (await write().catch((error: unknown) => {
        const file = failedView(error, null);
        say(`view ${view.name} FAILED and can't be answered: ${messageOf(error)}`);
        return file;
      }));
  }
  return files;
}

/** Combines the kept partials with those of the remaining events into one durable file. */
async function foldedFile(
  { store, session }: FoldContext,
  view: ViewDefinition,
  kept: readonly FileRef[],
  fresh: string | null,
  name: string,
): Promise<ViewFile> {
  const old = await partialsIn(store, view, kept);
  const all = fresh === null ? old : `${old} UNION ALL (${fresh})`;
  const partials = kept.length === 0 && fresh !== null ? fresh : combineOf(view, all);
  return writePartials(session, store, view, partials, name, { durable: true }).then(
    (file) => withFailingGroups(store, session, view, file),
    (error: unknown) => failedView(error, null),
  );
}

function failures(stretches: readonly Stretch[]): Record<string, ViewFile> {
  return Object.fromEntries(stretches.flatMap(({ views }) => Object.entries(views).filter(([, file]) => file.failed)));
}

/** The trailing stretches that share the last one's level. */
function lastOfOneLevel(stretches: readonly Stretch[]): readonly Stretch[] {
  const level = stretches.at(-1)?.level ?? 0;
  return stretches.slice(stretches.findLastIndex((each) => (each.level ?? 0) !== level) + 1);
}
