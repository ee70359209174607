/**
 * A part: what is kept of some events for an aggregate, as a value that can be read. What it calls over the events,
 * its types, and what it is under merging are separate, so that another text of it (of events that are taken back,
 * for another engine) is made from the same description.
 */

/** One call of an aggregate of DuckDB's; each text is SQL over one event. */
export interface Call {
  readonly fn: string;
  /** count(*) has none. */
  readonly args: readonly string[];
  /** Of what takes one event's value: what events compare by. The call's last argument. */
  readonly order?: string;
}

export interface Part {
  /** Calls over the events, each under the aggregate's FILTER. */
  readonly calls: readonly Call[];
  /** The part from its calls; left out: the one call's own value. */
  readonly of?: (calls: readonly string[]) => string;
  /** The type that calls and combine give. */
  readonly type: string;
  /** The type that files and tables keep, without loss. */
  readonly storage: string;
  readonly merge: Merge;
}

/**
 * What a part's values are under combine: commutative and associative, and NULL, the part of no events, changes
 * nothing. test/views/algebra.test.ts holds every aggregate to it.
 */
export type Merge = Group | Semigroup;

/**
 * Events can be taken back: a part combined with its inverse is `zero`. It is exact, so that nothing drifts. `zero` is
 * not NULL: only a count of the events says whether any is left.
 */
export interface Group {
  readonly law: "group";
  readonly combine: "sum" | "bit_xor";
  readonly inverse: (part: string) => string;
  readonly zero: string;
}

/** It only merges: of a least value that is taken back, the next one is not known. */
export interface Semigroup {
  readonly law: "semigroup";
  /** The aggregate that merges parts, or its SQL over the loaded parts of the same plan. */
  readonly combine:
    | "sum"
    | "min"
    | "max"
    | "bool_and"
    | "bool_or"
    | "bit_and"
    | "bit_or"
    | ((parts: readonly string[]) => string);
  /** Computed from doubles in whatever order; left out: exact. */
  readonly rounding?: Rounding;
}

/** How far a part may differ when the same doubles are added up in another order. */
export interface Rounding {
  readonly share: number;
  /** What that is a share of, where it is not the value itself: SQL over the loaded parts of the same plan. */
  readonly of?: (parts: readonly string[]) => string;
  /** The same as a sum over the events, kept beside the part, e.g. of abs(x). */
  readonly size?: Call;
}

/** A sum of doubles in another order differs by a few units in the last place for each addition. */
export const sumTolerance = 1e-9;
/** Squares about a mean lose what the mean is larger than the spread, in DuckDB's own functions as well. */
export const momentTolerance = 1e-6;

const added: Group = { law: "group", combine: "sum", inverse: (part) => `(-${part})`, zero: "0" };
const toggled: Group = { law: "group", combine: "bit_xor", inverse: (part) => part, zero: "0" };

export const call = (fn: string, ...args: readonly string[]): Call => ({ fn, args });

/** A number of events, of a call that gives a BIGINT. */
export const countPart = (counted: Call): Part => ({
  calls: [counted],
  type: "BIGINT",
  storage: "BIGINT",
  merge: added,
});

/** A number of events, of a call that gives another integer. */
export const castCountPart = (counted: Call): Part => ({
  ...countPart(counted),
  of: ([count]) => `CAST(${count} AS BIGINT)`,
});

/** What adds up without rounding: integers and decimals. */
export const exactPart = (summed: Call, type: string, storage = type): Part => ({
  calls: [summed],
  type,
  storage,
  merge: added,
});

/** Whole numbers of up to 38 digits, which files keep as a decimal. */
export const wholePart = (summed: Call): Part => exactPart(summed, "HUGEINT", "DECIMAL(38,0)");

/** Bits that are set by an odd number of events. */
export const toggledPart = (bits: Call, type: string, storage: string): Part => ({
  calls: [bits],
  type,
  storage,
  merge: toggled,
});

/** A sum of doubles. What is subtracted from one again leaves a share of all that ever was in it: it only merges. */
export const roundedPart = (summed: Call, rounding: Omit<Rounding, "share"> = {}): Part => ({
  calls: [summed],
  type: "DOUBLE",
  storage: "DOUBLE",
  merge: { law: "semigroup", combine: "sum", rounding: { share: sumTolerance, ...rounding } },
});

/** What only merges, exactly. */
export const mergedPart = (made: Call, type: string, storage: string, combine: Semigroup["combine"]): Part => ({
  calls: [made],
  type,
  storage,
  merge: { law: "semigroup", combine },
});

/** A part's SQL over the events, under a condition of its own. */
export function partText({ calls, of }: Part, filter: string | null): string {
  const clause = filter === null ? "" : ` FILTER (WHERE ${filter})`;
  const texts = calls.map((each) => `${callText(each)}${clause}`);
  return of ? of(texts) : texts[0]!;
}

function callText({ fn, args, order }: Call): string {
  const all = order === undefined ? args : [...args, order];
  return `${fn}(${all.join(", ") || "*"})`;
}

/** Merged parts of one plan; `names` are those of its columns, loaded. */
export function mergedText({ merge }: Part, own: string, names: readonly string[]): string {
  return typeof merge.combine === "string" ? `${merge.combine}(${own})` : merge.combine(names);
}

/** By what share two computations of a part may differ; 0: it is exact. */
export function toleranceOf({ merge }: Part): number {
  return roundingOf(merge)?.share ?? 0;
}

export function roundingOf(merge: Merge): Rounding | null {
  return merge.law === "semigroup" ? (merge.rounding ?? null) : null;
}
