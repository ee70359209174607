/** verify and rebuild say where rows differ; what is in them only where one asks. */
import { expect, it } from "vitest";
import { differingLines, withoutValues } from "../../cli/verbs/differing.ts";

const sides = ["served", "replayed"] as const;
const row = { g: "ann@example.org", n: 1, s: 2 };
const differences = [
  { left: row, right: { ...row, n: 2, s: 3 } },
  { left: row, right: null },
  { left: null, right: row },
];

it("without values: the columns, and which side has a row alone", () => {
  expect(differingLines(differences, sides, false)).toEqual([
    "  differs in n, s; --values shows the rows",
    "  a row is only served; --values shows the rows",
    "  a row is only replayed; --values shows the rows",
  ]);
  const shown = withoutValues(differences, sides);
  expect(shown).toEqual([
    { served: true, replayed: true, columns: ["n", "s"] },
    { served: true, replayed: false, columns: [] },
    { served: false, replayed: true, columns: [] },
  ]);
  expect(JSON.stringify(shown)).not.toContain("ann");
});

it("with values: five at most, and how many more there are", () => {
  const many = Array.from({ length: 7 }, () => differences[0]!);
  const lines = differingLines(many, sides, true);
  expect(lines.slice(0, 2)).toEqual([
    '  served: {"g":"ann@example.org","n":1,"s":2}',
    '  replayed: {"g":"ann@example.org","n":2,"s":3}',
  ]);
  expect(lines).toHaveLength(11);
  expect(lines.at(-1)).toBe("  and 2 more");
});
