/** A table as the project declares it, and whether the database's is one. */
import type { FieldDefinition } from "../../shared/definition.ts";
import type { ColumnEvidence, PublicationEvidence, TableEvidence } from "./evidence.ts";
import { sqlName } from "./evidence.ts";
import { proposedType, textReader } from "./types.ts";

export interface SourceTable {
  /** schema.name: "public.customers" */
  readonly table: string;
  /** Fields by their columns' names. */
  readonly row: readonly FieldDefinition[];
  /** Names of the fields that identify a row. */
  readonly key: readonly string[];
  /** Rows that only come (an outbox): updates, deletes and truncates need not be sent. */
  readonly insertsOnly?: true;
}

/** Why a table can't be followed as it is declared, and what to do. */
export interface Unfit {
  readonly kind: "without-key" | "unfit" | "unpublished" | "leaves-published";
  readonly problem: string;
  readonly todo: string;
}

/** Whether it can be identified by its key, of a table that need not be in a publication yet. */
export function withoutKey(table: SourceTable, found: TableEvidence): Unfit | null {
  if (table.insertsOnly) return null;
  const name = sqlName(table.table);
  const unfit = (problem: string, todo: string): Unfit => ({ kind: "without-key", problem, todo });
  if (found.identities.includes("n")) {
    return unfit("its replica identity is NOTHING", `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT`);
  }
  const key = [...table.key].sort();
  const isKey = (columns: readonly string[]) => same([...columns].sort(), key);
  const isFull = found.identities.every((each) => each === "f");
  if (!isFull && found.identity === null) {
    return unfit(
      "it has no primary key, and its replica identity is not FULL: UPDATE and DELETE fail once it is published",
      `ALTER TABLE ${name} ADD PRIMARY KEY (${table.key.join(", ")})`,
    );
  }
  if (!found.keys.some(isKey)) {
    const known = found.keys.map((columns) => `(${columns.join(", ")})`).join(" or ");
    return unfit(
      `no two rows are alike in ${known || "nothing"}, and the stream's key is (${table.key.join(", ")})`,
      known === "" ? `ALTER TABLE ${name} ADD PRIMARY KEY (${table.key.join(", ")})` : `key: one of ${known}`,
    );
  }
  if (!isFull && !isKey(found.identity!)) {
    return unfit(
      `changes are identified by (${found.identity!.join(", ")}), and the stream's key is (${table.key.join(", ")})`,
      `name these as the key, or ALTER TABLE ${name} REPLICA IDENTITY FULL`,
    );
  }
  return null;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

/** Why a column's field is not as it is declared, and what to declare; null: it is. */
export function columnUnfit(
  field: FieldDefinition,
  column: Pick<ColumnEvidence, "is" | "nullable"> | null,
): string | null {
  if (column === null) return `there is no column ${field.name}`;
  const proposed = proposedType(column.is);
  if (textReader(column.is, field.type) === null) {
    return `column ${field.name} is ${column.is.written}, which is no ${field.type}: declare "${proposed}"`;
  }
  if (column.nullable && !field.nullable) {
    return `column ${field.name} may be NULL: declare "${field.type}?"`;
  }
  return null;
}

/** Whether its columns are what is declared. */
export function unfitColumns(table: SourceTable, found: TableEvidence): Unfit | null {
  const problems = table.row.flatMap((field) => {
    const column = found.columns.find(({ name }) => name === field.name) ?? null;
    if (column?.generated) return [`column ${field.name} is generated, and no change has its value`];
    return columnUnfit(field, column) ?? [];
  });
  if (problems.length === 0) return null;
  return { kind: "unfit", problem: problems.join("; "), todo: "declare the fields as the columns are" };
}

/** Whether all of its changes are sent. */
export function unpublished(
  table: SourceTable,
  found: TableEvidence,
  publications: Readonly<Record<string, PublicationEvidence | null>>,
): Unfit | null {
  const [first = "…"] = Object.keys(publications);
  if (found.isPublishedByLeaves) {
    return {
      kind: "leaves-published",
      problem: "its changes would come under its partitions' names",
      todo: `ALTER PUBLICATION "${first}" SET (publish_via_partition_root = true)`,
    };
  }
  if (found.published === null) {
    return {
      kind: "unpublished",
      problem: "it is in no publication of the source",
      todo: `ALTER PUBLICATION "${first}" ADD TABLE ${sqlName(table.table)}`,
    };
  }
  const own = Object.entries(publications).filter(([name]) =>
    found.published!.split(",").some((each) => each.startsWith(`${name}:`)),
  );
  const all = ["inserts", "updates", "deletes", "truncates"] as const;
  const needed = table.insertsOnly ? (["inserts"] as const) : all;
  const lacking = needed.filter((what) => !own.some(([, publication]) => publication?.[what]));
  if (lacking.length > 0) {
    return {
      kind: "unpublished",
      problem: `its ${lacking.join(" and ")} are not published`,
      todo: `ALTER PUBLICATION "${own[0]?.[0] ?? first}" SET (publish = 'insert, update, delete, truncate')`,
    };
  }
  const missing = table.row.filter(({ name }) => !found.sent.includes(name)).map(({ name }) => name);
  if (missing.length === 0) return null;
  return {
    kind: "unpublished",
    problem: `its columns ${missing.join(", ")} are left out of the publication`,
    todo: `ALTER PUBLICATION "${own[0]?.[0] ?? first}" SET TABLE …, with these columns or without a list`,
  };
}
