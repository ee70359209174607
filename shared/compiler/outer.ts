/**
 * What is around a view's aggregates (round(…), CASE, HAVING), as expressions over merged values: finalize computes
 * it once, of the whole, never of parts.
 */
import type { KeyName } from "../definition.ts";
import { columnRef, fingerprint, locationOf, type Node, nodesOf, rewrite } from "./ast.ts";
import { aggregateName, groupingName, keyName } from "./partial-columns.ts";
import type { ReadView } from "./read.ts";
import { refuse } from "./refusal.ts";

/** One aggregate of a view, however often it is written. */
export interface Use {
  readonly node: Node;
  readonly number: number;
}

/** An expression over the group keys, the aggregates' values and those of grouping(). */
export interface OuterExpression {
  readonly node: Node;
  /** The keys that it reads, each once. */
  readonly keys: readonly KeyName[];
  /** The aggregates in it, as they are written. */
  readonly uses: readonly Use[];
  /** It is this key itself. */
  readonly key: KeyName | null;
  /** It is this aggregate itself. */
  readonly use: Use | null;
}

export interface Outer {
  readonly uses: readonly Use[];
  /** Uses of grouping(): the keys (by number) that each names. */
  readonly groupings: readonly (readonly number[])[];
  readonly shown: readonly OuterExpression[];
  readonly having: OuterExpression | null;
}

export function outerOf(view: ReadView): Outer {
  const { items, having, keys, aggregatesIn } = view;
  const uses = new Map<string, Use>();
  for (const item of having ? [...items, having] : items) {
    for (const node of aggregatesIn(item)) {
      const print = fingerprint(node);
      if (!uses.has(print)) uses.set(print, { node, number: uses.size });
    }
  }
  const rewriting: Rewriting = {
    view,
    keys: new Map(keys.map((key, number) => [fingerprint(key), number])),
    uses,
    groupings: [],
  };
  const shown = items.map((item) => outer(rewriting, item));
  return {
    uses: [...uses.values()],
    groupings: rewriting.groupings,
    shown,
    having: having && outer(rewriting, having),
  };
}

/** Keys and uses by what they are written as. */
interface Rewriting {
  readonly view: ReadView;
  readonly keys: ReadonlyMap<string, number>;
  readonly uses: ReadonlyMap<string, Use>;
  readonly groupings: number[][];
}

function outer(rewriting: Rewriting, written: Node): OuterExpression {
  const { view, uses, groupings } = rewriting;
  const read = new Set<KeyName>();
  const node = rewrite(written, (each) => {
    // a constant stays one: as a column it would have another type
    if (each.class === "CONSTANT") return each;
    const print = fingerprint(each);
    // an inner alias names a struct's field
    const named = (name: string): Node => ({ ...columnRef(name), alias: each.alias! });
    const key = rewriting.keys.get(print);
    if (key !== undefined) {
      read.add(keyName(key));
      return named(keyName(key));
    }
    const use = uses.get(print);
    if (use) return named(aggregateName(use.number));
    if (each.type === "GROUPING_FUNCTION") return named(groupingName(groupings.push(keysNamedIn(each, rewriting)) - 1));
    if (each.class !== "COLUMN_REF") return undefined;
    throw refuse(
      view.source,
      locationOf(each),
      `can't derive ${(each.column_names as string[]).join(".")} from the group keys`,
      "repeat the GROUP BY expression as it is written there, or use an aggregate",
    );
  });
  const whole = fingerprint(written);
  const key = rewriting.keys.get(whole);
  return {
    node,
    keys: [...read],
    uses: view.aggregatesIn(written).map((each) => uses.get(fingerprint(each))!),
    key: key === undefined ? null : keyName(key),
    use: uses.get(whole) ?? null,
  };
}

/** The keys of a grouping(…). */
function keysNamedIn(node: Node, { view, keys }: Rewriting): number[] {
  return nodesOf(node.children).map((child) => {
    const key = keys.get(fingerprint(child));
    if (key !== undefined) return key;
    throw refuse(
      view.source,
      locationOf(node),
      "grouping() of an expression that is not a group key",
      "name GROUP BY expressions as they are written there",
    );
  });
}
