/** Columns of partials: what they are called, and which of them are what. Nothing else reads their names. */
import type { KeyName, PartialColumn, ViewDefinition } from "../definition.ts";

export interface GroupKey extends PartialColumn {
  readonly name: KeyName;
}

export const keyName = (number: number): KeyName => `k${number}`;
export const partName = (number: number): string => `p${number}`;
export const valueName = (number: number): string => `v${number}`;
/** What finalize calls the value of an aggregate, and that of a use of grouping(). */
export const aggregateName = (number: number): string => `a${number}`;
export const groupingName = (number: number): string => `g${number}`;

/** What finalize may have beside a lambda's parameters. */
const besideLambdas = /^[kapg]\d+$/;

/** True where a name in an expression over merged values could be one of finalize's own. */
export function isNameOfFinalize(name: string): boolean {
  return besideLambdas.test(name);
}

/** Which rows a partial row is of: 0, a group's parts; else the value set of that number. Only where there are such. */
export const setColumn: PartialColumn = { name: "s", type: "INTEGER" };
/** How many events have a value. */
export const countColumn: PartialColumn = { name: "n", type: "BIGINT" };

type Columns = Pick<ViewDefinition, "keys" | "parts">;

/** What identifies a group: the keys before the column that says which rows a partial row is. */
export function groupKeys({ keys }: Pick<ViewDefinition, "keys">): readonly GroupKey[] {
  const set = keys.findIndex(({ name }) => name === setColumn.name);
  return (set < 0 ? keys : keys.slice(0, set)) as readonly GroupKey[];
}

export function groupKeyNames(view: Pick<ViewDefinition, "keys">): readonly KeyName[] {
  return groupKeys(view).map(({ name }) => name);
}

/** All but the group keys: what identifies a row of values, and the parts. */
export function besideKeys(view: Columns): readonly PartialColumn[] {
  return [...view.keys.slice(groupKeys(view).length), ...view.parts];
}
