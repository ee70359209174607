/** Rows and records of a changelog as JSON texts. */
import type { Changelog } from "../shared/definition.ts";
import { membersOf } from "../shared/values/json-parts.ts";
import type { RowTexts } from "./change.ts";

/** A key as the log's records and the row file have it. @param values JSON texts, in the order of the stream's key */
export function keyText(values: readonly string[]): string {
  return `[${values.join(",")}]`;
}

/** Writes rows of a changelog, and takes them apart again. */
export class RowWriter {
  readonly #names: readonly string[];
  readonly #members: readonly string[];
  readonly #key: readonly number[];

  constructor({ row, key }: Changelog) {
    this.#names = row.map(({ name }) => name);
    this.#members = row.map(({ name }, i) => `${i === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    this.#key = key.map((name) => row.findIndex((each) => each.name === name));
  }

  /** A row's JSON. @param base the row that what was not sent is taken from */
  rowText(texts: RowTexts, base: string | null): string {
    const kept = base !== null && texts.includes(undefined) ? membersOf(base) : null;
    let text = "";
    for (let i = 0; i < this.#members.length; i++)
      text += this.#members[i]! + (texts[i] ?? kept?.get(this.#names[i]!) ?? "null");
    return `${text}}`;
  }

  /** The key of a row's JSON. */
  keyOf(row: string): string[] {
    const members = membersOf(row);
    return this.#key.map((i) => members.get(this.#names[i]!) ?? "null");
  }

  /** A row's fields. @param row its JSON */
  textsOf(row: string): RowTexts {
    const members = membersOf(row);
    return this.#names.map((name) => members.get(name));
  }
}

/** What a record says: JSON texts of the rows, null where there is none. */
export interface ChangeRecord {
  readonly op: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly source: string;
}

export function recordText({ op, before, after, source }: ChangeRecord): string {
  return `{"op":"${op}","source":${JSON.stringify(source)},"before":${before},"after":${after}}`;
}

export function readRecord(text: string): ChangeRecord {
  const members = membersOf(text);
  const orNull = (row: string | undefined) => (row === undefined || row === "null" ? null : row);
  return {
    op: JSON.parse(members.get("op") ?? '""') as string,
    before: orNull(members.get("before")),
    after: orNull(members.get("after")),
    source: JSON.parse(members.get("source") ?? '""') as string,
  };
}
