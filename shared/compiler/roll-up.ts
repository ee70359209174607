/** What rolls a view up: its texts once more, with one column `g` in place of the group keys. */
import type { OverValues, RollUp } from "../definition.ts";
import { type Node, visit } from "./ast.ts";
import { combineText, valuesText } from "./partial-texts.ts";
import type { Planned } from "./plan.ts";

/** Of any type: it is only grouped by. */
const group = { name: "g", type: "", valueType: "", sql: "g" };

/** @param outer HAVING, where there is one, and the columns, over keys and values; `planned.outer` is their SQL, HAVING's first */
export function rollUpOf(planned: Planned, outer: readonly Node[], hasHaving: boolean): RollUp | null {
  if (planned.keys.length === 0 || planned.groupingSets) return null;
  const grouped = { ...planned, keys: [group] };
  const [having, ...columns] = outer.map((node, i): OverValues => ({ sql: planned.outer[i]!, keys: keysIn(node) }));
  return {
    combine: combineText(grouped),
    values: valuesText(grouped),
    columns,
    having: hasHaving ? having! : null,
  };
}

function keysIn(node: Node): string[] {
  const found = new Set<string>();
  visit(node, (each) => {
    const [name] = each.class === "COLUMN_REF" ? (each.column_names as string[]) : [];
    if (name !== undefined && /^k\d+$/.test(name)) found.add(name);
  });
  return [...found];
}
