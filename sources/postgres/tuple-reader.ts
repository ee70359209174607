/** A table's rows: PostgreSQL's texts by column → the texts of the stream's fields. */
import type { FieldDefinition } from "../../shared/definition.ts";
import { isCode, TidemarkError } from "../../shared/errors.ts";
import type { RowTexts } from "../change.ts";
import type { TableEvidence } from "./evidence.ts";
import type { Relation, Tuple } from "./pgoutput.ts";
import { ValueRefusal } from "./refused-value.ts";
import { columnUnfit, type SourceTable } from "./tables.ts";
import type { TypeCatalog } from "./type-catalog.ts";
import { type PgType, type ReadText, textReader } from "./types.ts";

interface Field {
  readonly name: string;
  readonly column: string;
  readonly read: ReadText;
  /** What NULL is; null: it has no value. */
  readonly none: string | null;
}

export class TupleReader {
  readonly #source: string;
  readonly #table: SourceTable;
  readonly #fields: readonly Field[];
  /** Of each field, where its value is in a tuple. */
  readonly #places: readonly number[];
  readonly #keyAt: readonly number[];

  private constructor(source: string, table: SourceTable, columns: readonly PgType[], places: readonly number[]) {
    this.#source = source;
    this.#table = table;
    this.#places = places;
    this.#fields = table.row.map((field, i) => ({
      name: field.name,
      column: columns[i]!.written,
      read: fieldReader(columns[i]!, field),
      none: field.nullable ? "null" : null,
    }));
    this.#keyAt = table.key.map((name) => table.row.findIndex((field) => field.name === name));
  }

  /**
   * Of tuples that have the declared columns, in their order.
   *
   * @throws SOURCE_TABLE where the columns are not as they are declared
   */
  static ofEvidence(source: string, table: SourceTable, found: TableEvidence): TupleReader {
    const columns = table.row.map((field) => {
      const column = found.columns.find(({ name }) => name === field.name) ?? null;
      const problem = columnUnfit(field, column);
      if (problem !== null) throw unfit(source, table, problem);
      return column!.is;
    });
    return new TupleReader(
      source,
      table,
      columns,
      columns.map((_, i) => i),
    );
  }

  /** Of tuples of a relation. @throws SOURCE_TABLE */
  static ofRelation(source: string, table: SourceTable, relation: Relation, types: TypeCatalog): TupleReader {
    const places = table.row.map(({ name }) => relation.columns.findIndex((column) => column.name === name));
    const columns = table.row.map((field, i) => {
      const column = relation.columns[places[i]!];
      const found = column === undefined ? null : { is: types.of(column.type, column.modifier), nullable: false };
      const problem = columnUnfit(field, found);
      if (problem !== null) throw unfit(source, table, problem);
      return found!.is;
    });
    return new TupleReader(source, table, columns, places);
  }

  /** @throws SOURCE_VALUE where a value has none in its field's type */
  row(tuple: Tuple): RowTexts {
    const fields = this.#fields;
    const places = this.#places;
    const texts: (string | undefined)[] = new Array(fields.length);
    for (let i = 0; i < fields.length; i++) {
      const text = tuple[places[i]!];
      if (text === undefined) texts[i] = undefined;
      else if (text === null) texts[i] = fields[i]!.none ?? this.#refuse(fields[i]!, "NULL");
      else {
        try {
          texts[i] = fields[i]!.read(text);
        } catch (error) {
          this.#refuse(fields[i]!, error);
        }
      }
    }
    return texts;
  }

  /** Null where it has a value that is refused. */
  oldRow(tuple: Tuple): RowTexts | null {
    try {
      return this.row(tuple);
    } catch (error) {
      if (isCode(error, "SOURCE_VALUE")) return null;
      throw error;
    }
  }

  /** The key's texts of a row that has them. */
  keyOf(row: RowTexts): string[] {
    const key: string[] = new Array(this.#keyAt.length);
    for (let i = 0; i < key.length; i++) {
      const at = this.#keyAt[i]!;
      key[i] = row[at] ?? this.#refuse(this.#fields[at]!, "a key's value that was not sent");
    }
    return key;
  }

  /** The row, with what it lacks of the key. */
  withKey(row: RowTexts, key: readonly string[]): RowTexts {
    const texts = [...row];
    for (const [i, at] of this.#keyAt.entries()) texts[at] ??= key[i];
    return texts;
  }

  /** The key's texts of an old row, of which the rest may not be there. */
  keyOfOld(tuple: Tuple): string[] {
    const key: string[] = new Array(this.#keyAt.length);
    for (let i = 0; i < key.length; i++) {
      const field = this.#fields[this.#keyAt[i]!]!;
      const text = tuple[this.#places[this.#keyAt[i]!]!];
      if (text == null) this.#refuse(field, "a key's value that was not sent");
      try {
        key[i] = field.read(text!);
      } catch (error) {
        this.#refuse(field, error);
      }
    }
    return key;
  }

  #refuse(field: Field, why: unknown): never {
    if (typeof why !== "string" && !(why instanceof ValueRefusal)) throw why;
    const type = this.#table.row.find(({ name }) => name === field.name)!.type;
    const problem = typeof why === "string" ? why : why.message;
    const todo = why === "NULL" ? `declare the field as "${type}?"` : why instanceof ValueRefusal ? why.todo : "";
    throw new TidemarkError(
      "SOURCE_VALUE",
      `source ${this.#source}: ${this.#table.table}: column ${field.name} (${field.column}) has ${problem}, and no ` +
        `${type} is that`,
      todo,
      { table: this.#table.table, column: field.name },
    );
  }
}

function fieldReader(type: PgType, field: FieldDefinition): ReadText {
  const read = textReader(type, field.type)!;
  if (field.type !== "JSON" || field.nullable) return read;
  return (text) => {
    if (text === "null") throw new ValueRefusal("JSON's own null, which is NULL", 'declare the field as "JSON?"');
    return read(text);
  };
}

function unfit(source: string, { table }: SourceTable, problem: string): TidemarkError {
  return new TidemarkError("SOURCE_TABLE", `source ${source}: ${table}: ${problem}`, "", { table });
}
