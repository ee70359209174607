/** Rows that differ, as lines and as JSON; their values, which come from events, only on request. */
import type { Difference } from "../../shared/proof/compare.ts";

const shownMax = 5;

/** @param sides what the left and the right row are called, of equal length */
export function differingLines(
  differences: readonly Difference[],
  sides: readonly [left: string, right: string],
  values: boolean,
): string[] {
  const shown = differences.slice(0, shownMax).flatMap((difference) => {
    if (!values) return [`  ${whereIn(difference, sides)}; --values shows the rows`];
    const rows = [difference.left, difference.right];
    return sides.map((side, i) => `  ${side}: ${rows[i] ? JSON.stringify(rows[i]) : "no such row"}`);
  });
  return differences.length > shownMax ? [...shown, `  and ${differences.length - shownMax} more`] : shown;
}

export function withoutValues(differences: readonly Difference[], [left, right]: readonly [string, string]): object[] {
  return differences.map((each) => ({
    [left]: each.left !== null,
    [right]: each.right !== null,
    columns: differing(each),
  }));
}

function whereIn(difference: Difference, [left, right]: readonly [string, string]): string {
  if (!difference.left || !difference.right) return `a row is only ${(difference.left ? left : right).trim()}`;
  return `differs in ${differing(difference).join(", ")}`;
}

function differing({ left, right }: Difference): string[] {
  if (!left || !right) return [];
  return Object.keys(left).filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]));
}
