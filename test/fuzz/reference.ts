/** A reference table that random views join: of some values of `g` a row, of one two, of others none. */
import type { ReferenceTable } from "../../shared/definition.ts";

const columns = [
  { name: "of_g", type: "VARCHAR" },
  { name: "region", type: "VARCHAR" },
  { name: "place", type: "BIGINT" },
];
const rows = [
  ["a", "north", 1],
  ["b", "south", 2],
  ["b", "east", 3],
  ["x", "west", 4],
] as const;

export const randomReference: ReferenceTable = {
  name: "regions",
  source: "",
  columns,
  file: { name: "", bytes: 0, sha256: "" },
};

/** A SELECT of its rows. */
export const referenceRows = `SELECT * FROM (VALUES ${rows
  .map(([g, region, place]) => `('${g}', '${region}', ${place}::BIGINT)`)
  .join(", ")}) regions(${columns.map(({ name }) => name).join(", ")})`;

/** As a world has it. */
export const randomReferences = {
  [randomReference.name]: [columns.map(({ name }) => name), ...rows].map((row) => `${row.join(",")}\n`).join(""),
};
