/** Where everything lies in the store, and the shapes of the files that name all others. */
import type { Definition, FieldDefinition } from "../definition.ts";
import type { Clock } from "../duplicates/log-time.ts";
import type { ChainEnd } from "../duplicates/record-chain.ts";
import type { Place, Position } from "../position.ts";
import type { Counts } from "./counts.ts";
import type { FileRef } from "./store.ts";

const padded = (value: number, digits: number) => String(value).padStart(digits, "0");

export const layout = {
  format: "format.json",
  /** The second one of a file that is kept twice, or of the folder it is in. */
  copy: (name: string) => `copies/${name}`,
  origins: "origins",
  origin: (stream: string) => `origins/${stream}.json`,
  archive: "archive",
  segments: (stream: string, partition: number) => `archive/${stream}/${partition}`,
  segment: (stream: string, partition: number, from: number) =>
    `archive/${stream}/${partition}/${padded(from, 16)}.json`,
  segmentFile: (stream: string, partition: number, from: number, upto: number, run: string) =>
    `archive/${stream}/${partition}/${padded(from, 16)}-${padded(upto, 16)}-${run}.parquet`,
  versions: "versions",
  version: (number: number) => `versions/${padded(number, 8)}.json`,
  /** Versions up to this one were removed, and their numbers are not used again. */
  removed: (number: number) => `versions/${padded(number, 8)}.removed`,
  versionFiles: "version-files",
  versionFolder: (run: string) => `version-files/${run}`,
  versionFile: (run: string, view: string) => `version-files/${run}/${view}.parquet`,
  deltas: "deltas",
  delta: (version: number) => `deltas/${padded(version, 8)}`,
  generations: (version: number, shard: number) => `deltas/${padded(version, 8)}/${shard}`,
  generation: (version: number, shard: number, generation: number) =>
    `deltas/${padded(version, 8)}/${shard}/${padded(generation, 6)}`,
  owner: (version: number, shard: number, generation: number) =>
    `${layout.generation(version, shard, generation)}/OWNER`,
  head: (version: number, shard: number, generation: number) => `${layout.generation(version, shard, generation)}/HEAD`,
  beat: (version: number, shard: number, generation: number) => `${layout.generation(version, shard, generation)}/BEAT`,
  references: "references",
  reference: (content: string) => `references/${content}.json`,
  referenceFile: (content: string, run: string) => `references/${content}-${run}.parquet`,
  rejection: (version: number, shard: number, generation: number) =>
    `${layout.generation(version, shard, generation)}.rejected`,
  rebuilds: "rebuilds",
  rebuild: (id: string) => `rebuilds/${id}`,
  /** As earlier releases had it. */
  rebuildProgressBefore: (id: string) => `rebuilds/${id}/PROGRESS`,
  rebuildProgress: (id: string, run: number) => `rebuilds/${id}/${padded(run, 6)}/PROGRESS`,
  /** Long positions under their short texts; see PositionTexts. */
  positionTexts: "positions",
  positionText: (text: string) => `positions/${text}`,
  incidents: "incidents",
  incidentsOf: (role: string) => `incidents/${role}.json`,
  damages: "damages",
  damagesOf: (version: number) => `damages/${padded(version, 8)}`,
  damage: (version: number, view: string) => `damages/${padded(version, 8)}/${view}.json`,
  scratch: "scratch",
  scratchOf: (owner: string) => `scratch/${owner}`,
  pins: "pins",
  pin: (run: string) => `pins/${run}`,
} as const;

/** Written once, at first contact with a topic. */
export interface OriginFile {
  readonly stream: string;
  readonly topic: string;
  /** The log's own id of the stream: a recreated topic has another. */
  readonly id: string;
  /** First offset of each partition then. */
  readonly first: readonly number[];
}

/** Records of a request that counted, by their sequence numbers, and the log time of the last of them, ms. */
export interface RequestRange {
  readonly request: string;
  readonly from: number;
  readonly upto: number;
  readonly time: number;
}

/** One archive file: everything the log held in `[from, upto)` of a partition, a row for each record. */
export interface Segment {
  readonly stream: string;
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
  readonly file: FileRef;
  readonly rows: number;
  /** Rows that are dead letters. */
  readonly dead: number;
  /** Rows that were suppressed. */
  readonly duplicates: number;
  /**
   * Rows that are not suppressed and came so late that a copy may have been forgotten, or whose own time is not
   * known for sure.
   */
  readonly late: number;
  /** The log had lost these offsets before they were archived, and an operator has accepted that. */
  readonly lost?: true;
  /** The requests whose records counted in it; null where they are many: the file has them. */
  readonly requests: readonly RequestRange[] | null;
  /** The stream's duplicate window then. */
  readonly dedup: { readonly id: string; readonly ms: number } | null;
  /** Hash of what decided how it was decoded. */
  readonly decoder: string;
  /** The stream's fields then. Files of earlier versions have none. */
  readonly fields?: readonly FieldDefinition[];
  /** What Parquet would lose inside lists and structs lies there as texts; left out: the whole value is one. */
  readonly nested?: true;
  /** Latest log timestamp in it, ms. */
  readonly latest: number;
  /** Log time at its end. Files of earlier versions have none: there it is the latest timestamp of all so far. */
  readonly clock?: Clock;
  /** Of a changelog, its chain at the end; null: not known, since records are lost. */
  readonly chain?: ChainEnd | null;
  /** Log time in it is not just the running maximum of timestamps: it can be derived only from its records. */
  readonly unsteady?: true;
}

/** A view that can't be computed from here on: its SQL fails on valid events. */
export interface ViewFailure {
  readonly message: string;
  /** The first event it fails on, where known. */
  readonly at: Place | null;
}

/** A group for which a view's own SQL has no value. */
export interface FailingGroup {
  /** By its keys' names, types and lengths: values are the events'. "": the view as a whole. */
  readonly group: string;
  readonly message: string;
}

/** Those that were found first, in the order of their keys. */
export interface FailingGroups {
  readonly groups: readonly FailingGroup[];
  /** There may be more. */
  readonly more: boolean;
}

/** What a version or an entry holds of one view. */
export interface ViewFile {
  /** Null: there are no rows. */
  readonly file: FileRef | null;
  readonly rows: number;
  readonly failed?: ViewFailure;
  /** Of a version: for which groups these partials have no value. Left out: not computed. */
  readonly failing?: FailingGroups;
}

export interface Proof {
  readonly state: "proved" | "unproved";
  /** The version whose delta it was proved against, or why there was nothing to prove it by. */
  readonly by: string;
  /** How many views were proved. */
  readonly views: number;
  /** Those that were not, though others were, and why. Versions of before have none. */
  readonly unproved?: Readonly<Record<string, string>>;
}

/** Whether a view equals, at the cut, what the version before and its delta answered. */
export function isProved({ state, unproved }: Proof, view: string): boolean {
  return state === "proved" && unproved?.[view] === undefined;
}

/** Incremented when the shape of a manifest changes. */
export const manifestFormat = 5;
/** Those of earlier releases that are read as they are. */
export const manifestFormatsBefore: readonly number[] = [4];
/**
 * Incremented when the shape of a HEAD changes. One of format 1 is read, but no writer continues it: log time
 * was defined differently then. In format 2 entries had duplicate suppression's state in a field of its own.
 */
export const headFormat = 3;

/** One immutable result of a batch run. */
export interface VersionManifest extends Counts {
  readonly format: typeof manifestFormat;
  readonly number: number;
  readonly createdAt: string;
  /**
   * definition: the project's files have changed, and the cut is the one of the version before; repair: files
   * of that version were damaged and have been rebuilt.
   */
  readonly cause: "origin" | "batch" | "definition" | "repair" | "rebuild" | "rollback";
  readonly definition: Definition;
  readonly origin: Position;
  readonly cut: Position;
  readonly views: Readonly<Record<string, ViewFile>>;
  readonly proof: Proof;
}

export type EntryStates = Readonly<Record<string, Readonly<Record<string, readonly { readonly partition: number }[]>>>>;

/** A stretch of a delta, immutable: partials of the events in `[from, upto)`. */
export interface Entry extends Counts {
  readonly sequence: number;
  readonly from: Position;
  readonly upto: Position;
  /** NDJSON of the dead letters, where there are any. */
  readonly deadFile: FileRef | null;
  readonly views: Readonly<Record<string, ViewFile>>;
  /**
   * By kind of state and stream, what it carries (see state.ts); nothing of what the archive has. Left out: not
   * known.
   */
  readonly states?: EntryStates;
  /** 0: a flush; each compaction of neighbours is one higher. */
  readonly level: number;
  /** Latest log timestamp in it, ms; 0 where it held no record. */
  readonly latest: number;
}

/** Replacing this file is the speed layer's commit: entries and position in one step. */
export interface Head {
  readonly format: 1 | 2 | typeof headFormat;
  readonly version: number;
  readonly shard: number;
  readonly generation: number;
  readonly owner: string;
  /** The shard's part of the position that the entries reach. */
  readonly position: Position;
  readonly entries: readonly Entry[];
  /** When it was committed, milliseconds since the epoch. */
  readonly at: number;
}
