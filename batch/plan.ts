/**
 * What a run does is decided before it does anything: a plan is a pure function of the situation, without clock or
 * store, and carrying it out makes no further decisions.
 */
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import {
  covers,
  equals,
  furthest,
  offsetAt,
  ofStreams,
  type Position,
  places,
  positionOf,
} from "../shared/position.ts";
import type { VersionManifest, ViewFile } from "../shared/store/layout.ts";
import { failureOf, snapshotFiles, versionFiles } from "../shared/store/partials.ts";
import type { FileRef } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import { distance } from "./stretches.ts";

/**
 * How a run makes its version. full: all views from their events, the truth that all else is checked by.
 * incremental: from the newest version's partials and the events since. definition: at the newest version's cut, for
 * changed files; repair: there too, for damaged ones. rebuild: what was replayed from the beginning, others as served.
 */
export type Mode = "full" | "incremental" | "definition" | "repair" | "rebuild";

/** The causes of a run that makes its version in one go. */
export type RunMode = Exclude<Mode, "rebuild">;

/** Everything a plan depends on. */
export interface Situation {
  readonly mode: Mode;
  readonly definition: Definition;
  /** The newest version that can be read. */
  readonly newest: VersionManifest;
  /** The views of the newest version whose files are damaged. */
  readonly damaged: ReadonlySet<string>;
  /** A newer version that can't be read; it may have covered more than every other one. */
  readonly lost: number | null;
  /** The newest version and its delta, pinned; null when they could not be read. */
  readonly served: Snapshot | null;
  /** Why they could not be read. */
  readonly unreadable: string | null;
  /** A writer of the delta sends no heartbeats, so the delta will not grow. */
  readonly silent: boolean;
  /** The first offset of every partition of every stream. */
  readonly origin: Position;
  /** The log's end; for a stream that can't be read, the last known end. */
  readonly end: Position;
  /** Streams that can't be read. */
  readonly stopped: readonly string[];
  /** For a rebuild: the views it replays, and how far it has come. */
  readonly replay: { readonly views: readonly ViewDefinition[]; readonly upto: Position } | null;
  /** Archived records with a log time below this are past the log's retention, ms. */
  readonly keptFrom: number;
}

/** A view whose file is taken over unchanged from an older version. */
export interface Link {
  readonly view: ViewDefinition;
  readonly file: ViewFile;
  /** False when it is not known yet for which groups the view's value can't be computed. */
  readonly isTried: boolean;
  readonly note: string;
}

/** A view whose kept partials are combined with the partials of events, into one file. */
export interface FoldedView {
  readonly view: ViewDefinition;
  /** The partials of all events below its fold's `from`; none when that is the origin. */
  readonly kept: readonly FileRef[];
  /** The line to log once the file is written, or null. */
  readonly note: string | null;
}

/** Views that are folded together over the events from a position up to the cut. */
export interface Fold {
  readonly from: Position;
  readonly views: readonly FoldedView[];
}

/** What the views are compared with at the cut, or why they can't be compared. */
export type ProofPlan = {
  /** The views to compare. */
  readonly views: readonly ViewDefinition[];
} & (
  | {
      readonly by: Snapshot;
      /** heal: find which side is wrong and replace it. report: publish the replayed views, and report differences. */
      readonly failing: "heal" | "report";
    }
  | { readonly by: null; readonly why: string }
);

export interface RunPlan {
  readonly cause: VersionManifest["cause"];
  readonly definition: Definition;
  readonly origin: Position;
  /** The cut. */
  readonly upto: Position;
  /** The version whose partials are reused for views that mean the same, or null. */
  readonly base: number | null;
  readonly link: readonly Link[];
  readonly compute: readonly Fold[];
  readonly prove: ProofPlan;
  /** The log may drop records that lie below both, by offset and by log time. Null: none. */
  readonly trim: { readonly upto: Position; readonly before: number } | null;
}

/**
 * A delta within this many records of the log's end (over all partitions) sets the cut; one further behind
 * would delay it.
 */
const nearEnd = 500_000;

export function planRun(found: Situation): RunPlan {
  const { mode, definition, newest, origin, lost, stopped, keptFrom } = found;
  const { upto, prove } = cutOf(found);
  const isOfFiles = (mode === "definition" || mode === "repair") && lost === null;
  const readable = definition.streams.map(({ name }) => name).filter((name) => !stopped.includes(name));
  const base = mode === "full" || mode === "rebuild" ? null : newest;
  return {
    cause: isOfFiles || mode === "rebuild" ? mode : "batch",
    definition,
    origin,
    upto,
    base: base?.number ?? null,
    ...(mode === "rebuild" ? asReplayed(found, prove) : fromBase(found, base, upto)),
    prove,
    trim: mode === "rebuild" ? null : { upto: ofStreams(upto, readable), before: keptFrom },
  };
}

/** A view that is not named is taken as it is served, unless its meaning has changed or it has failed. */
export function isReplayed(view: ViewDefinition, named: readonly string[], newest: VersionManifest): boolean {
  const before = newest.definition.views.find((each) => each.name === view.name);
  return (
    named.length === 0 || named.includes(view.name) || before?.identity !== view.identity || newest.cause === "origin"
  );
}

type Cut = Pick<RunPlan, "upto" | "prove">;

function cutOf(found: Situation): Cut {
  const { mode, definition, newest, lost, served, unreadable, origin } = found;
  if (lost !== null) return unproved(found, atEnd(found), `version ${lost} can't be read`);
  if (mode === "definition" || mode === "repair")
    return unproved(found, cutIn(newest, origin), `it has the cut of version ${newest.number}`);
  if (!served) return unproved(found, atEnd(found), unreadable ?? "nothing is served");
  if (mode === "rebuild") return replayedTo(found, served);
  const why = whyFar(found, served);
  if (why !== null) return unproved(found, atEnd(found), why);
  const upto = furthest(origin, served.position);
  return { upto, prove: { by: served, failing: "heal", views: definition.views } };
}

function atEnd({ origin, end }: Situation): Position {
  return furthest(origin, end);
}

function unproved({ replay }: Situation, upto: Position, why: string): Cut {
  return { upto, prove: { by: null, why, views: replay?.views ?? [] } };
}

/** The cut is what is served, once that is at least as far as the replay; else the log's end. */
function replayedTo(found: Situation, served: Snapshot): Cut {
  const { replay, origin, end } = found;
  const isAlike = sameStreams(served.position, end) && covers(served.position, replay?.upto ?? origin);
  const upto = isAlike && served.heads.length > 0 ? served.position : atEnd(found);
  if (!isAlike || !equals(served.position, upto)) return unproved(found, upto, "nothing is served at this position");
  return { upto, prove: { by: served, failing: "report", views: replay?.views ?? [] } };
}

/** Why a snapshot's position can't be the cut, or null. */
function whyFar({ newest, end, silent }: Situation, { heads, position }: Snapshot): string | null {
  if (Object.keys(end).length !== Object.keys(position).length || !covers(end, position))
    return "the streams differ from the version before";
  if (heads.length === 0 && !equals(newest.cut, end)) return `version ${newest.number} has no delta: speed has not run`;
  const missing = distance(position, end);
  const behind = `the delta of version ${newest.number} is ${missing} records behind the log's end`;
  if (missing > nearEnd) return behind;
  return missing > 0 && silent ? `${behind}, and speed does not run` : null;
}

/** Every view of the definition: linked from the base, folded on from its partials, or folded from the origin. */
function fromBase(
  { definition, origin, damaged }: Situation,
  base: VersionManifest | null,
  upto: Position,
): Pick<RunPlan, "link" | "compute"> {
  const link: Link[] = [];
  const [since, recomputed]: [FoldedView[], FoldedView[]] = [[], []];
  for (const view of definition.views) {
    const old = base?.definition.views.find((each) => each.name === view.name);
    const file = base && !damaged.has(view.name) ? base.views[view.name] : undefined;
    if (!base || !old || !file || !meansTheSame(base, view.name, view.identity)) {
      recomputed.push({ view, kept: [], note: `recomputed${whyRecomputed(base, view, file)}` });
    } else if (equals(ofStreams(base.cut, view.streams), ofStreams(upto, view.streams))) {
      const isTried = file.failing !== undefined && old.finalize === view.finalize;
      const note = `linked from version ${base.number}: neither it nor its events have changed`;
      link.push({ view, file, isTried, note });
    } else if (covers(upto, base.cut) && Object.keys(upto).length === Object.keys(base.cut).length) {
      const note = `folded in the events since version ${base.number}`;
      since.push({ view, kept: versionFiles(base, view.name), note });
    } else recomputed.push({ view, kept: [], note: "recomputed" });
  }
  const compute = [
    { from: base?.cut ?? origin, views: since },
    { from: origin, views: recomputed },
  ];
  return { link, compute: compute.filter(({ views }) => views.length > 0) };
}

function meansTheSame({ cause, definition, views }: VersionManifest, name: string, identity: string): boolean {
  const old = definition.views.find((each) => each.name === name);
  return cause !== "origin" && old?.identity === identity && !views[name]?.failed;
}

function whyRecomputed(base: VersionManifest | null, view: ViewDefinition, file: ViewFile | undefined): string {
  const old = base?.definition.views.find((each) => each.name === view.name);
  if (!base || (old && !file)) return "";
  if (!old) return ": it is new";
  return old.identity === view.identity ? "" : ": it has changed";
}

/** Replayed views from the beginning; the others as served at the cut, or recomputed when they have failed there. */
function asReplayed(
  { definition, origin, replay }: Situation,
  { by: served }: ProofPlan,
): Pick<RunPlan, "link" | "compute"> {
  const folds = [
    { from: origin, views: [] as FoldedView[] },
    { from: served?.position ?? origin, views: [] as FoldedView[] },
    { from: origin, views: [] as FoldedView[] },
  ] as const;
  const [replayed, asServed, recomputed] = folds;
  for (const view of definition.views) {
    const isServed = served && !failureOf(served, view.name);
    if (replay?.views.includes(view)) replayed.views.push({ view, kept: [], note: null });
    else if (isServed) asServed.views.push({ view, kept: snapshotFiles(served, view.name), note: null });
    else recomputed.views.push({ view, kept: [], note: null });
  }
  return { link: [], compute: folds.filter(({ views }) => views.length > 0) };
}

/** A version's cut as a position of these streams; a new stream is at its origin. */
function cutIn({ cut }: VersionManifest, origin: Position): Position {
  return positionOf(
    places(origin).map((place) => ({
      ...place,
      offset: offsetAt(cut, place.stream, place.partition) ?? place.offset,
    })),
  );
}

function sameStreams(a: Position, b: Position): boolean {
  const [mine, others] = [places(a), places(b)];
  return (
    mine.length === others.length && mine.every(({ stream, partition }) => offsetAt(b, stream, partition) !== undefined)
  );
}
