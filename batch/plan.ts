/**
 * What a run does, decided before it does anything: a plan is a function of what was found, of no clock and no store.
 * Carrying it out decides nothing more.
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

/** Of a run that makes its version in one go. */
export type RunMode = Exclude<Mode, "rebuild">;

/** All that a plan depends on. */
export interface Situation {
  readonly mode: Mode;
  readonly definition: Definition;
  /** The newest version that can be read. */
  readonly newest: VersionManifest;
  /** Of its views, those whose files are damaged. */
  readonly damaged: ReadonlySet<string>;
  /** A newer version that can't be read: it may have covered more than any other does. */
  readonly lost: number | null;
  /** What the newest version and its delta answer, pinned; null where that was not read. */
  readonly served: Snapshot | null;
  /** Why it could not be read. */
  readonly unreadable: string | null;
  /** A writer of its delta is silent: that won't go on by itself. */
  readonly silent: boolean;
  /** Of every partition of every stream. */
  readonly origin: Position;
  /** Where the log ends; of a stream that can't be read, where it is known to. */
  readonly end: Position;
  /** Streams that can't be read. */
  readonly stopped: readonly string[];
  /** Of a rebuild: what it replays, and how far it has come. */
  readonly replay: { readonly views: readonly ViewDefinition[]; readonly upto: Position } | null;
  /** Log time below this is older than the log keeps what is archived, ms. */
  readonly keptFrom: number;
}

/** A view whose file of an older version is named as it is. */
export interface Link {
  readonly view: ViewDefinition;
  readonly file: ViewFile;
  /** False where nobody has tried yet for which groups its partials have no value. */
  readonly isTried: boolean;
  readonly note: string;
}

/** A view whose kept partials, and those of the events, become one file. */
export interface Folded {
  readonly view: ViewDefinition;
  /** Partials of all events below `from` of its fold, where that is not the origin. */
  readonly kept: readonly FileRef[];
  /** What is said of it once it is there; null: nothing. */
  readonly note: string | null;
}

/** Views that are folded together over the events from a position on, up to the cut. */
export interface Fold {
  readonly from: Position;
  readonly views: readonly Folded[];
}

/** What the views are compared with at the very cut, or why with nothing. */
export type Proving = {
  /** Those that are compared. */
  readonly views: readonly ViewDefinition[];
} & (
  | {
      readonly by: Snapshot;
      /** heal: the one that is wrong is found and replaced. report: what was replayed counts. */
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
  /** The version whose partials are taken where they mean the same; null: none's. */
  readonly base: number | null;
  readonly link: readonly Link[];
  readonly compute: readonly Fold[];
  readonly prove: Proving;
  /** What the log may forget then: what lies below both, by offset and by log time. Null: nothing. */
  readonly trim: { readonly upto: Position; readonly before: number } | null;
}

/** A delta this close to the log's end (records, over all partitions) gives the cut; one farther away would delay it. */
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

/** A view that is not named is taken as it is served, unless it means something else now or has failed. */
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

/** What is served, where it has come at least as far as the replay; else the log's end. */
function replayedTo(found: Situation, served: Snapshot): Cut {
  const { replay, origin, end } = found;
  const isAlike = sameStreams(served.position, end) && covers(served.position, replay?.upto ?? origin);
  const upto = isAlike && served.heads.length > 0 ? served.position : atEnd(found);
  if (!isAlike || !equals(served.position, upto)) return unproved(found, upto, "nothing is served at this position");
  return { upto, prove: { by: served, failing: "report", views: replay?.views ?? [] } };
}

/** Why a snapshot's position can't be the cut; null: it can. */
function whyFar({ newest, end, silent }: Situation, { heads, position }: Snapshot): string | null {
  if (Object.keys(end).length !== Object.keys(position).length || !covers(end, position))
    return "the streams differ from the version before";
  if (heads.length === 0 && !equals(newest.cut, end)) return `version ${newest.number} has no delta: speed has not run`;
  const missing = distance(position, end);
  const behind = `the delta of version ${newest.number} is ${missing} records behind the log's end`;
  if (missing > nearEnd) return behind;
  return missing > 0 && silent ? `${behind}, and speed does not run` : null;
}

/** Every view of the definition: as the base has it, from its partials on, or from the beginning. */
function fromBase(
  { definition, origin, damaged }: Situation,
  base: VersionManifest | null,
  upto: Position,
): Pick<RunPlan, "link" | "compute"> {
  const link: Link[] = [];
  const [since, anew]: [Folded[], Folded[]] = [[], []];
  for (const view of definition.views) {
    const old = base?.definition.views.find((each) => each.name === view.name);
    const file = base && !damaged.has(view.name) ? base.views[view.name] : undefined;
    if (!base || !old || !file || !meansTheSame(base, view.name, view.identity)) {
      anew.push({ view, kept: [], note: `recomputed${whyAnew(base, view, file)}` });
    } else if (equals(ofStreams(base.cut, view.streams), ofStreams(upto, view.streams))) {
      const isTried = file.failing !== undefined && old.finalize === view.finalize;
      const note = `linked from version ${base.number}: neither it nor its events have changed`;
      link.push({ view, file, isTried, note });
    } else if (covers(upto, base.cut) && Object.keys(upto).length === Object.keys(base.cut).length) {
      const note = `folded the events since version ${base.number} in`;
      since.push({ view, kept: versionFiles(base, view.name), note });
    } else anew.push({ view, kept: [], note: "recomputed" });
  }
  const compute = [
    { from: base?.cut ?? origin, views: since },
    { from: origin, views: anew },
  ];
  return { link, compute: compute.filter(({ views }) => views.length > 0) };
}

function meansTheSame({ cause, definition, views }: VersionManifest, name: string, identity: string): boolean {
  const old = definition.views.find((each) => each.name === name);
  return cause !== "origin" && old?.identity === identity && !views[name]?.failed;
}

function whyAnew(base: VersionManifest | null, view: ViewDefinition, file: ViewFile | undefined): string {
  const old = base?.definition.views.find((each) => each.name === view.name);
  if (!base || (old && !file)) return "";
  if (!old) return ": it is new";
  return old.identity === view.identity ? "" : ": it has changed";
}

/** What was replayed from the beginning; the others as they are served at the cut, anew where that is not well. */
function asReplayed(
  { definition, origin, replay }: Situation,
  { by: served }: Proving,
): Pick<RunPlan, "link" | "compute"> {
  const folds = [
    { from: origin, views: [] as Folded[] },
    { from: served?.position ?? origin, views: [] as Folded[] },
    { from: origin, views: [] as Folded[] },
  ] as const;
  const [replayed, asServed, anew] = folds;
  for (const view of definition.views) {
    const isServed = served && !failureOf(served, view.name);
    if (replay?.views.includes(view)) replayed.views.push({ view, kept: [], note: null });
    else if (isServed) asServed.views.push({ view, kept: snapshotFiles(served, view.name), note: null });
    else anew.views.push({ view, kept: [], note: null });
  }
  return { link: [], compute: folds.filter(({ views }) => views.length > 0) };
}

/** A version's cut as a position of these streams: a new one is at its origin. */
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
