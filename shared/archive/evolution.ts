/** How a stream's fields may change over what is archived already, so that old files are read as they are. */
import { isInteger, structFieldsOf } from "../compiler/types.ts";
import type { Changelog, FieldDefinition, StreamDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import { TidemarkError } from "../errors.ts";
import { readsMore, widens } from "./widens.ts";

/**
 * Why events with the fields `before` can't be read with the fields `now`, and what to do instead; null: they can.
 * @param rows they are rows of a changelog, which have no defaults
 */
function problemOf(
  before: readonly FieldDefinition[],
  now: readonly FieldDefinition[],
  rows = false,
): [string, string] | null {
  const [all, own] = rows ? ["the rows", "at their source"] : ["the events", "by the producers or an upcast"];
  const orDefault = (type: string, of: string) =>
    rows ? "" : `, or ${of}"${type} DEFAULT …" with the value that ${of === "" ? "older events" : "those"} shall have`;
  for (const field of now) {
    const old = before.find((each) => each.name === field.name);
    const { name, type } = field;
    if (!old) {
      if (field.nullable) continue;
      return [
        `the field ${name} is new and required, and ${all} so far have none`,
        `write "${type}?"${orDefault(type, "")}`,
      ];
    }
    if (old.type !== type && !widens(old.type, type)) {
      return [
        `the field ${name} changes from ${old.type} to ${type}, which does not hold all of its values`,
        `keep ${name} as it is; add another field ("${name}_2": "${type}?"), fill it from now on, ${own}; move the views over to coalesce(${name}_2, …${name}…); then leave ${name} out. Or start a new stream`,
      ];
    }
    if (!field.nullable && old.nullable) {
      return [
        `the field ${name} becomes required, and ${all} so far may have none`,
        `keep "${type}?"${orDefault(type, "write ")}`,
      ];
    }
  }
  return null;
}

/** What a stream was. A segment of the archive says its fields alone. */
type Before = Pick<StreamDefinition, "fields"> & Partial<Pick<StreamDefinition, "changelog">>;

/**
 * @param what what the events before are, for the message
 * @throws CONFIG_STREAM with a plan when the stream's fields can't be read from them
 */
export function checkEvolution(stream: StreamDefinition, before: Before, what: string): void {
  const { changelog } = stream;
  const problem = changelog ? rowProblemOf(before, changelog) : problemOf(before.fields, stream.fields);
  if (!problem) return;
  throw new TidemarkError("CONFIG_STREAM", `stream "${stream.name}": ${problem[0]} (${what})`, problem[1]);
}

/** As `problemOf`, of a changelog, whose fields are those of its rows. */
function rowProblemOf(before: Before, { row, key }: Changelog): [string, string] | null {
  const old = before.changelog?.row ?? archivedRow(before.fields);
  const keyBefore = before.changelog?.key ?? key;
  const typeOf = (fields: readonly FieldDefinition[], name: string) => fields.find((each) => each.name === name)?.type;
  const isAlike = (name: string) => {
    const [was, now] = [typeOf(old, name), typeOf(row, name)];
    return was === now || (was && now && isInteger(was) && isInteger(now) && widens(was, now));
  };
  if (keyBefore.length !== key.length || !key.every((name, i) => name === keyBefore[i] && isAlike(name)))
    return [
      `the key changes from ${described(keyBefore, old)} to ${described(key, row)}, and a row is known by it`,
      "keep the key as it is, or start a new stream",
    ];
  for (const { name, type } of row) {
    const alike = old.find((each) => each.name !== name && each.name.toLowerCase() === name.toLowerCase());
    if (alike) return [`the field ${alike.name} changes its case to ${name}`, `keep ${alike.name} as it is`];
    const was = typeOf(old, name);
    if (was !== undefined && readsMore(was, type))
      return [
        `the field ${name} changes from ${was} to ${type}, and rows are written with more digits than a ${was} keeps`,
        `keep ${name} as it is; add another field ("${name}_2": "${type}?"), and move the views over`,
      ];
  }
  return problemOf(old, row, true);
}

/** The fields of a row, by those of its archived records, which don't say which of them may be NULL. */
function archivedRow(fields: readonly FieldDefinition[]): readonly FieldDefinition[] {
  const row = structFieldsOf(fields.find(({ name }) => name === "after")?.type ?? "") ?? [];
  return row.map((member) => ({ ...member, nullable: false }));
}

function described(key: readonly string[], row: readonly FieldDefinition[]): string {
  return key.map((name) => `${name} (${row.find((each) => each.name === name)?.type ?? "no field"})`).join(", ");
}

/** SQL of a field as it is now, from a column of the type it had: NULL or the default where it was not there yet. */
export function evolvedField(field: FieldDefinition, before: readonly FieldDefinition[]): string {
  const old = before.find((each) => each.name === field.name);
  const fallback = field.default === undefined ? null : `CAST(${field.default} AS ${field.type})`;
  if (!old) return fallback ?? `CAST(NULL AS ${field.type})`;
  // from what files keep, to what it was, to what it is
  const was = `CAST(${quoteName(field.name)} AS ${old.type})`;
  const value = old.type === field.type ? was : `CAST(${was} AS ${field.type})`;
  return fallback && old.default === undefined ? `coalesce(${value}, ${fallback})` : value;
}
