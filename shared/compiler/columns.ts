/** The columns of a view's partials: equal parts and equal value sets are kept once. */
import type { PartialColumn } from "../definition.ts";
import { mergedText, type Part, partText, type Rounding, roundedPart, roundingOf } from "./aggregates/part.ts";
import { partName, valueName } from "./partial-columns.ts";
import { castTo } from "./types.ts";

/** A part with its column; `combine` is SQL over the columns of partials. */
export interface PlannedPart extends PartialColumn {
  readonly part: Part;
  /** Which rows have it: 0, a group's own; else those of the value set of this number. */
  readonly set: number;
  /** See InexactColumn. */
  readonly scale: string | null;
  /** The condition under which an event counts, SQL over it; null: every event does. */
  readonly filter: string | null;
  readonly combine: string;
}

/** Values of a group that are kept one by one: rows of their own, with the set's number in column `s`. */
export interface ValueSet {
  readonly number: number;
  readonly column: string;
  readonly value: string;
  readonly type: string;
  readonly storage: string;
  readonly filter: string | null;
}

export class Columns {
  readonly planned: PlannedPart[] = [];
  readonly sets: ValueSet[] = [];
  readonly #plans = new Map<string, readonly string[]>();

  /** @returns the columns' names, in the order of the parts */
  parts(parts: readonly Part[], filter: string | null, set = 0): readonly string[] {
    // parts whose merge reads the other parts are shared only as a whole
    const print = JSON.stringify([parts.map((part) => [partText(part, null), part.storage]), filter, set]);
    const known = this.#plans.get(print);
    if (known) return known;
    const alone = parts.every(({ merge }) => typeof merge.combine === "string");
    const names = parts.map(
      (part) => (alone ? this.#same(part, filter, set) : undefined) ?? this.#reserve(part, filter, set),
    );
    const loaded = names.map((name) => this.loaded(name));
    for (const [i, part] of parts.entries()) {
      const at = this.planned.findIndex((each) => each.name === names[i]);
      const merged = mergedText(part, loaded[i]!, loaded);
      const rounding = roundingOf(part.merge);
      const scale = rounding && this.#scaleOf(rounding, loaded, filter, set);
      this.planned[at] = { ...this.planned[at]!, combine: `CAST(${merged} AS ${part.storage})`, scale };
    }
    this.#plans.set(print, names);
    return names;
  }

  #scaleOf({ of, size }: Rounding, loaded: readonly string[], filter: string | null, set: number): string | null {
    // all of one sign, so that nothing cancels
    const [beside] = size === undefined ? [] : this.parts([roundedPart(size)], filter, set);
    return of?.(loaded) ?? beside ?? null;
  }

  #same(part: Part, filter: string | null, set: number): string | undefined {
    const text = partText(part, null);
    return this.planned.find(
      (each) =>
        partText(each.part, null) === text &&
        each.part.storage === part.storage &&
        each.filter === filter &&
        each.set === set,
    )?.name;
  }

  #reserve(part: Part, filter: string | null, set: number): string {
    const name = partName(this.planned.length);
    this.planned.push({ name, type: part.storage, part, filter, set, scale: null, combine: "" });
    return name;
  }

  /** A part's column in its own type. */
  loaded(name: string): string {
    const column = this.planned.find((each) => each.name === name);
    return column ? castTo(name, column.type, column.part.type) : name;
  }

  set(value: string, type: string, storage: string, filter: string | null): ValueSet {
    const same = this.sets.find((each) => each.value === value && each.type === type && each.filter === filter);
    if (same) return same;
    const column = valueName(this.sets.length);
    const set = { number: this.sets.length + 1, column, value, type, storage, filter };
    this.sets.push(set);
    return set;
  }
}
