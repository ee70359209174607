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
import { FoldProgress, foldId, giveUpFolds, type Stretch } from "./fold-progress.ts";
import type { Run } from "./opened-run.ts";
import type { Fold, Folded, Link } from "./plan.ts";
import { distance, nextStretch, type StretchLimits } from "./stretches.ts";

/** How a fold goes forward. */
export interface Pace {
  readonly limits: StretchLimits;
  /** Called between stretches with how long the last one took, ms. */
  readonly rest: (ms: number) => Promise<void>;
  /** Offsets done, and to do, since the beginning of the fold. */
  readonly onStretch: (done: number, all: number) => void;
}

export interface Folding {
  readonly store: Store;
  readonly session: Session;
  readonly definition: Definition;
  readonly history: History;
  readonly archive: Archive;
  readonly pace: Pace;
  /** ms, of whatever beginning. */
  readonly clock: () => number;
  readonly say: (line: string) => void;
  /** Those that have stretches behind them, by id: whoever publishes removes them. */
  readonly begun: Map<string, FoldProgress>;
}

export function foldingOf(
  { batch: { store, say }, session, definition, history, clock }: Run,
  archive: Archive,
  pace: Pace,
  begun: Map<string, FoldProgress>,
): Folding {
  return { store, session, definition, history: history.over(archive), archive, pace, clock, say, begun };
}

/** Without rests. A stretch is a minute's work or more, and what a crash may lose. */
export const fullPace: Pace = {
  limits: { bytes: 2 * 2 ** 30, offsets: Number.POSITIVE_INFINITY },
  rest: async () => undefined,
  onStretch: () => undefined,
};

/** Stretches of one level that are combined into one of the next: a tree, so that each is written a few times only. */
const fanIn = 16;

/** Every view of a fold over all events below a cut, in a durable file of its own under `run`, or failed by its SQL. */
export async function foldInto(
  on: Folding,
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

/** A linked view's file; and for which groups its partials have no value, where nobody has tried that yet. */
export async function linked({ store, session, clock, say }: Folding, link: Link): Promise<ViewFile> {
  const started = clock();
  const file = link.isTried ? link.file : await tried(store, session, link.view, link.file);
  say(`view ${link.view.name}: ${link.note} (${Math.round(clock() - started)} ms)`);
  return file;
}

/** Folds up to a position, as stretches that outlive the process. */
export async function foldAhead(on: Folding, fold: Fold, progress: FoldProgress, target: Position): Promise<void> {
  while (!equals(progress.position, target)) await foldNext(on, fold, progress, target);
}

/** The file, and for which groups its partials have no value. */
export async function tried(store: Store, session: Session, view: ViewDefinition, found: ViewFile): Promise<ViewFile> {
  const partials = await partialsIn(store, view, found.file ? [found.file] : []);
  return { ...found, failing: await failingGroups(session, view, partials) };
}

/** What has to be folded before the last stretch: nothing, where all of the past is one. */
async function stretchesBefore(on: Folding, fold: Fold, upto: Position): Promise<readonly Stretch[]> {
  const { store, definition, archive, pace, say, begun } = on;
  const isLast = (from: Position) => equals(nextStretch(archive, from, upto, pace.limits), upto);
  const id = foldId(definition, fold);
  if (!begun.has(id) && isLast(fold.from)) return [];
  const progress = begun.get(id) ?? (await FoldProgress.open(store, id, fold.from, say));
  begun.set(id, progress);
  await giveUpFolds(store, [...begun.keys()], "own", say);
  // an earlier run may have had a cut further on
  const below = progress.stretches.filter((stretch) => covers(upto, stretch.upto));
  if (below.length < progress.stretches.length) await progress.commit(below);
  while (!isLast(progress.position)) await foldNext(on, fold, progress, upto);
  return progress.stretches;
}

/** One stretch further. */
async function foldNext(on: Folding, fold: Fold, progress: FoldProgress, target: Position): Promise<void> {
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
async function folded(on: Folding, views: readonly Folded[], progress: FoldProgress, upto: Position): Promise<Stretch> {
  const from = progress.position;
  const inputsOf = on.history.inputs(on.session, on.definition, rangesBetween(from, upto));
  const files = await filesOf(on, views, progress, progress.stretches, async (view) =>
    partialOf(view, await inputsOf(view)),
  );
  return { from, upto, views: files, level: 0 };
}

/** The partials of neighbouring stretches as one. */
async function combined(
  on: Folding,
  views: readonly Folded[],
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

/** A file for each view that has not failed before. */
async function filesOf(
  { store, session, say }: Folding,
  views: readonly Folded[],
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

/** Partials that are kept already, and those of the events that are left, as one durable file. */
async function foldedFile(
  { store, session }: Folding,
  view: ViewDefinition,
  kept: readonly FileRef[],
  fresh: string | null,
  name: string,
): Promise<ViewFile> {
  const old = await partialsIn(store, view, kept);
  const all = fresh === null ? old : `${old} UNION ALL (${fresh})`;
  const partials = kept.length === 0 && fresh !== null ? fresh : combineOf(view, all);
  return writePartials(session, store, view, partials, name, { durable: true }).then(
    (file) => tried(store, session, view, file),
    (error: unknown) => failedView(error, null),
  );
}

function failures(stretches: readonly Stretch[]): Record<string, ViewFile> {
  return Object.fromEntries(stretches.flatMap(({ views }) => Object.entries(views).filter(([, file]) => file.failed)));
}

/** The last stretches that are all of the level of the last one. */
function lastOfOneLevel(stretches: readonly Stretch[]): readonly Stretch[] {
  const level = stretches.at(-1)?.level ?? 0;
  return stretches.slice(stretches.findLastIndex((each) => (each.level ?? 0) !== level) + 1);
}
