/** What rolls a view up: its texts once more, with one column `g` in place of the group keys. */
import type { OverValues, RollUp } from "../definition.ts";
import type { Outer, OuterExpression } from "./outer.ts";
import { combineText, fewestOf, presentOf, valuesText } from "./partial-texts.ts";
import type { ViewPlan } from "./plan.ts";
import type { TypedView } from "./typed.ts";

/** Of any type: it is only grouped by. */
const group = { name: "g", type: "", valueType: "", sql: "g" };

/** Null where there is nothing to roll up: see ViewDefinition.rollUp. */
export function rollUpOf(
  planned: ViewPlan,
  { shown, having }: Pick<Outer, "shown" | "having">,
  sql: Pick<TypedView, "shown" | "having">,
): RollUp | null {
  if (planned.keys.length === 0 || planned.groupingSets) return null;
  const grouped = { ...planned, keys: [group] };
  const over = ({ keys }: OuterExpression, text: string): OverValues => ({ sql: text, keys });
  const [present, fewest] = [presentOf(grouped), fewestOf(grouped)];
  return {
    ...(present === null || fewest === null ? {} : { present, fewest }),
    combine: combineText(grouped, true),
    values: valuesText(grouped, true),
    columns: shown.map((each, i) => over(each, sql.shown[i]!)),
    having: having && over(having, sql.having!),
  };
}
