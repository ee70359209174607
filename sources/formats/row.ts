/** A row as a connector writes it → the texts of the stream's fields. */
import type { FieldDefinition } from "../../shared/definition.ts";
import type { FormatSettings } from "../../shared/format-settings.ts";
import { membersOf } from "../../shared/values/json-parts.ts";
import type { RowTexts } from "../change.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import type { ForeignStream } from "./foreign.ts";
import { mayBeUnsent, type Placeholder } from "./placeholder.ts";
import { inField, kindOf, unclear, wrong } from "./refusal.ts";
import { valueReader } from "./values.ts";

export interface ForeignRow {
  /** JSON text of an object. */
  readonly text: string;
  /** Null: the record has none. */
  readonly schema: ConnectSchema | null;
}

interface ReadRow {
  /** Gets the places of fields that are null, or have no placeholder and were not sent. */
  readonly doubtful?: number[];
  /** The key's texts, where the row may lack its fields. */
  readonly key?: readonly string[];
}

interface Field extends FieldDefinition {
  readonly read: ReturnType<typeof valueReader>;
}

export class RowReader {
  readonly #fields: readonly Field[];
  /** In the order of the stream's key. */
  readonly #key: readonly Field[];
  readonly #keyAt: readonly number[];
  readonly #settings: FormatSettings;
  readonly #placeholder: Placeholder | null;

  /** @param placeholder in place of what was not sent; null: the format has none */
  constructor({ row, key }: ForeignStream, settings: FormatSettings, placeholder: Placeholder | null) {
    this.#fields = row.map((field) => ({ ...field, read: valueReader(field.type) }));
    this.#keyAt = key.map((name) => row.findIndex((field) => field.name === name));
    this.#key = this.#keyAt.map((at) => this.#fields[at]!);
    this.#settings = settings;
    this.#placeholder = placeholder;
  }

  row({ text, schema }: ForeignRow, { doubtful, key }: ReadRow = {}): RowTexts {
    const members = object(text);
    return this.#fields.map((field, i) =>
      inField(field.name, () => {
        const raw = members.get(field.name);
        const inKey = raw === undefined ? this.#key.indexOf(field) : -1;
        if (key !== undefined && inKey >= 0) return key[inKey]!;
        const its = schema?.fields?.get(field.name) ?? null;
        if (raw === undefined) return this.#missing(field);
        if (raw !== "null") return this.#value(field, raw, its, schema !== null);
        if (doubtful && field.nullable && mayBeUnsent(field.type, its, this.#settings)) doubtful.push(i);
        return nullOf(field);
      }),
    );
  }

  /** The key's texts of a row that has at least them. */
  key({ text, schema }: ForeignRow): string[] {
    const members = object(text);
    return this.#key.map((field) =>
      inField(field.name, () => {
        const raw = members.get(field.name);
        if (raw === undefined) return wrong("the key has no such field", `name the key's fields in key: …`);
        return this.#identifying(field, raw, schema?.fields?.get(field.name) ?? null);
      }),
    );
  }

  /** The key's texts, of values alone. @param values JSON texts in the order of the stream's key */
  keyOf(values: readonly string[], schema: ConnectSchema | null = null): string[] {
    return this.#key.map((field, i) => inField(field.name, () => this.#identifying(field, values[i]!, schema)));
  }

  /** The key's texts of a row that was read. */
  keyIn(row: RowTexts): string[] {
    return this.#keyAt.map((at, i) => {
      const value = row[at];
      return value !== undefined && value !== "null"
        ? value
        : inField(this.#key[i]!.name, () => wrong("a key's value is missing", "name a key that every row has"));
    });
  }

  /** What the texts of the key's fields would be as text columns; null where they have other types. */
  keyOfTexts(values: readonly string[]): string[] | null {
    const plain = this.#key.every(({ type }) => /^(VARCHAR|UUID|U?(TINY|SMALL|BIG)INT|U?INTEGER)$/.test(type));
    if (!plain) return null;
    return this.keyOf(values.map((value, i) => (/INT/.test(this.#key[i]!.type) ? value : JSON.stringify(value))));
  }

  #identifying(field: Field, raw: string, schema: ConnectSchema | null): string {
    if (raw === "null") return wrong("NULL in the key", "name a key that every row has");
    return field.read(raw, schema, this.#settings);
  }

  #missing(field: Field): string | undefined {
    if (field.default !== undefined) return "null";
    if (this.#settings.missing === "unchanged") return undefined;
    if (this.#settings.missing === "null") return nullOf(field);
    return unclear(
      "the row has no such column",
      'name the field as its column, give it a DEFAULT, or set missing: "null" or missing: "unchanged"',
    );
  }

  #value(field: Field, raw: string, schema: ConnectSchema | null, known: boolean): string | undefined {
    if (this.#placeholder?.is(field.type, raw)) return undefined;
    if (field.nullable && field.default === undefined && this.#settings.nulls === undefined) {
      this.#refuseReplaced(raw, schema, known);
    }
    return field.read(raw, schema, this.#settings);
  }

  /** Connect's JSON converter writes the column's default in place of a NULL, unless it is configured not to. */
  #refuseReplaced(raw: string, schema: ConnectSchema | null, known: boolean): void {
    if (!known && this.#placeholder === null) return;
    if (known && !(schema?.optional && schema.default === raw)) return;
    unclear(
      known ? "the column's default, or NULL?" : "without a schema, a value may be the default in place of a NULL",
      'set value.converter.replace.null.with.default=false in the connector and nulls: "sent", ' +
        'or accept defaults for NULLs: nulls: "replaced"',
    );
  }
}

function nullOf(field: Field): string {
  if (field.nullable) return "null";
  return wrong("NULL, and the field is not nullable", `declare it as "${field.type}?"`);
}

function object(text: string): Map<string, string> {
  if (text.startsWith("{")) return membersOf(text);
  return wrong(`${kindOf(text)} is no row`, "check the stream's format");
}
