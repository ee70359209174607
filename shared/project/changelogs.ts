/** Streams of kind "changelog": rows that change, by key. */
import type { Changelog, FieldDefinition, StreamDefinition, TopicOrigin } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import { type FormatSettings, formatSettings } from "../format-settings.ts";
import type { FieldTypes } from "./field-types.ts";
import { invalid, type Section } from "./section.ts";

/** What records of a foreign topic don't say themselves, and what it may be. Null: any text. */
const topicSettings: Readonly<Record<string, readonly string[] | null>> = { ...formatSettings, placeholder: null };

export const changelogKeys = ["kind", "fields", "key", "from", "partitions"];

/** What plain streams have, and what is so of a changelog instead. */
const otherwise: Readonly<Record<string, readonly [string, string]>> = {
  id: ["the key says which row a record is of", "leave it out"],
  dedup: ["each record goes on after the one before, so that none counts twice", "leave it out"],
  upcast: ["its records are written by tidemark sources alone", "leave it out, and let the source send other rows"],
  topic: ["its own topic is written by tidemark sources alone", "name the topic to follow: from: { topic, format }"],
  time: ["a row has no time of its own", "leave it out"],
};

/** Types whose values have one text each, so that a row is found by it. */
const keyTypes = /^(VARCHAR|UUID|BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DATE|TIMESTAMP|DECIMAL.*)$/;

/** What plain streams may have and a changelog may not is named before anything else is. */
export function refuseEventKeys(all: Section, name: string): void {
  const given = all.section(name, null);
  for (const [key, [why, todo]] of Object.entries(otherwise))
    if (given.has(key)) invalid(given.where(key), `not of a changelog: ${why}`, todo);
}

/** @param row the declared fields */
export async function readChangelog(
  stream: Section,
  row: readonly FieldDefinition[],
  types: FieldTypes,
): Promise<Pick<StreamDefinition, "fields" | "changelog">> {
  for (const { name, default: literal } of row)
    if (literal !== undefined)
      invalid(stream.where(`fields.${name}`), "a row comes whole: it has no default", `write "… ?" for one without`);
  const from = readFrom(stream);
  const changelog: Changelog = { key: readKey(stream, row), row, ...(from ? { from } : {}) };
  const text = `STRUCT(${row.map(({ name, type }) => `${quoteName(name)} ${type}`).join(", ")})`;
  const verdict = await types.check(text);
  if ("problem" in verdict) return invalid(stream.where("fields"), verdict.problem, verdict.todo);
  return { fields: recordFields(verdict.type), changelog };
}

/** The fields of a changelog's records. @param row the type of a row */
export function recordFields(row: string): FieldDefinition[] {
  return [
    { name: "op", type: "VARCHAR", nullable: false },
    { name: "before", type: row, nullable: true },
    { name: "after", type: row, nullable: true },
    { name: "source", type: "VARCHAR", nullable: true },
  ];
}

function readKey(stream: Section, row: readonly FieldDefinition[]): string[] {
  if (!stream.has("key"))
    invalid(stream.where("key"), "a changelog needs a key", 'name the field that identifies a row: key: "id"');
  const names = stream.textOrTexts("key")!;
  if (names.length === 0) invalid(stream.where("key"), "a changelog needs a key", "name at least one field");
  for (const [at, name] of names.entries()) {
    const field = row.find((each) => each.name === name);
    const known = row.map((each) => each.name).join(", ");
    if (!field)
      return invalid(stream.where("key"), `no field is named ${JSON.stringify(name)}`, `name one of ${known}`);
    if (names.indexOf(name) !== at) invalid(stream.where("key"), `${name} is there twice`, "name it once");
    if (field.nullable)
      invalid(stream.where("key"), `${name} may be NULL, which is no row's key`, `write "${field.type}"`);
    if (!keyTypes.test(field.type))
      invalid(
        stream.where("key"),
        `${name} is a ${field.type}, whose text is not unique`,
        "use a VARCHAR, UUID, BIGINT, DATE, TIMESTAMP or DECIMAL",
      );
  }
  return names;
}

function readFrom(stream: Section): Changelog["from"] | null {
  if (!stream.has("from")) return null;
  const text = stream.textOr("from");
  if (text === undefined) return readTopic(stream);
  const [, source, table] = /^([^:]+):(.+)$/s.exec(text ?? "") ?? [];
  if (source === undefined || table === undefined)
    return invalid(stream.where("from"), "not a source's table", 'write "shop:public.customers"');
  return { source, table };
}

function readTopic(stream: Section): TopicOrigin {
  const from = stream.section("from", ["topic", "format", ...Object.keys(topicSettings)]);
  const topic = from.text("topic");
  if (topic === undefined) return invalid(from.where("topic"), "is missing", "name the topic to follow");
  const format = from.text("format");
  if (format !== "debezium" && format !== "upsert")
    return invalid(from.where("format"), "is missing or unknown", 'write "debezium" or "upsert"');
  if (!stream.has("partitions"))
    invalid(stream.where("partitions"), "is missing", `write as many as topic ${topic} has: a row keeps its order`);
  const settings: Record<string, string> = {};
  for (const [name, values] of Object.entries(topicSettings)) {
    const value = from.text(name);
    if (value === undefined) continue;
    if (values && !values.includes(value))
      invalid(from.where(name), `${JSON.stringify(value)} is unknown`, `write one of ${values.join(", ")}`);
    settings[name] = value;
  }
  return { topic, format, settings: settings as FormatSettings };
}
