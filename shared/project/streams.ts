import type { FieldDefinition, StreamDefinition } from "../definition.ts";
import { isName, isOwnName, nameRule, ownNamesRule, sameName } from "../names.ts";
import { changelogKeys, readChangelog, refuseEventKeys } from "./changelogs.ts";
import { parseDuration } from "./duration.ts";
import { FieldTypes } from "./field-types.ts";
import { invalid, type Section } from "./section.ts";

const streamKeys = ["kind", "fields", "key", "time", "id", "dedup", "partitions", "topic", "upcast"];
const kinds = ["events", "changelog"];
/** Kafka's rule for topics. */
const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/**
 * The `streams` of a configuration, checked, in the order they are written.
 * @param needed there has to be one
 */
export async function readStreams(config: Section, needed = true): Promise<StreamDefinition[]> {
  const all = config.section("streams", null);
  const names = all.keys();
  if (needed && names.length === 0)
    invalid(config.where("streams"), "a project needs a stream", "name one, with its fields");
  const types = await FieldTypes.open();
  try {
    const streams: StreamDefinition[] = [];
    for (const name of names) streams.push(await readStream(all, name, types));
    for (const [index, stream] of streams.entries()) refuseTwin(all, stream, streams.slice(0, index));
    return streams;
  } finally {
    types.close();
  }
}

async function readStream(all: Section, name: string, types: FieldTypes): Promise<StreamDefinition> {
  if (!isName(name)) invalid(all.where(name), "not a name for a stream", nameRule);
  const kind = all.section(name, null).text("kind") ?? "events";
  if (!kinds.includes(kind))
    invalid(`${all.where(name)}.kind`, `${JSON.stringify(kind)} is no kind of stream`, `write ${kinds.join(" or ")}`);
  if (kind === "changelog") return readChangelogStream(all, name, types);
  const stream = all.section(name, streamKeys);
  const fields = await readFields(stream, types);
  const topic = stream.text("topic");
  if (topic !== undefined && !topicPattern.test(topic)) {
    invalid(stream.where("topic"), `${JSON.stringify(topic)} is not a topic's name`, "use letters, digits, ., _ and -");
  }
  return {
    name,
    topic: topic ?? name,
    existing: topic !== undefined,
    fields,
    key: fieldNamed(stream, "key", fields)?.name ?? null,
    time: timeField(stream, fields)?.name ?? null,
    id: fieldNamed(stream, "id", fields)?.name ?? null,
    dedupMs: readDedup(stream, fields),
    upcast: await readUpcast(stream, types),
    partitions: stream.integer("partitions", 1) ?? 4,
  };
}

async function readChangelogStream(all: Section, name: string, types: FieldTypes): Promise<StreamDefinition> {
  refuseEventKeys(all, name);
  const stream = all.section(name, changelogKeys);
  return {
    name,
    topic: name,
    existing: false,
    ...(await readChangelog(stream, await readFields(stream, types), types)),
    key: null,
    time: null,
    id: null,
    dedupMs: null,
    upcast: null,
    partitions: stream.integer("partitions", 1) ?? 4,
  };
}

async function readFields(stream: Section, types: FieldTypes): Promise<FieldDefinition[]> {
  const section = stream.section("fields", null);
  const fields: FieldDefinition[] = [];
  for (const name of section.keys()) {
    const where = section.where(name);
    if (name === "") invalid(stream.where("fields"), "a field needs a name that is not empty");
    // SQL text ends at a NUL, and half a character has no bytes
    if (/\0|\p{Surrogate}/u.test(name)) invalid(where, "a name can't hold U+0000 or half a character", "leave it out");
    if (isOwnName(name)) invalid(where, ownNamesRule, "choose another name");
    // DuckDB's columns know no case.
    const twin = fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
    if (twin) invalid(where, `differs from the field ${twin.name} only in case`, "choose another name");
    const text = section.text(name) ?? "";
    const [, declared = text, literal] = /^(.*?)\s+DEFAULT\s+(.*?)\s*$/is.exec(text) ?? [];
    const nullable = declared.trimEnd().endsWith("?");
    const verdict = await types.check(nullable ? declared.trimEnd().slice(0, -1) : declared);
    if ("problem" in verdict) invalid(where, verdict.problem, verdict.todo);
    const { type } = verdict;
    if (literal === undefined) fields.push({ name, type, nullable });
    else if (await types.isLiteral(literal, type)) fields.push({ name, type, nullable: true, default: literal });
    else
      invalid(
        where,
        `${literal} is not a value of ${type}`,
        `write a literal, such as "BIGINT DEFAULT 0" or "VARCHAR DEFAULT 'none'"`,
      );
  }
  if (fields.length === 0) invalid(stream.where("fields"), "a stream needs a field", 'write { name: "VARCHAR" }');
  return fields;
}

async function readUpcast(stream: Section, types: FieldTypes): Promise<string | null> {
  const text = stream.text("upcast");
  if (text === undefined) return null;
  const upcast = await types.readUpcast(text);
  if ("problem" in upcast) {
    const example = `write SQL over the record's JSON, such as "json_merge_patch(event, json_object('seats', 1))"`;
    invalid(stream.where("upcast"), upcast.problem, example);
  }
  return upcast.sql;
}

/** Types whose values have one text each, so that the same id is the same text. */
const idTypes = /^(VARCHAR|UUID|BLOB|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DATE|TIMESTAMP|DECIMAL.*)$/;

/** The duplicate window, ms. */
function readDedup(stream: Section, fields: readonly FieldDefinition[]): number | null {
  const text = stream.text("dedup");
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms === null)
    invalid(stream.where("dedup"), `${JSON.stringify(text)} is not a duration`, 'write "10 minutes" or "1 hour"');
  const id = fieldNamed(stream, "id", fields);
  if (!id) invalid(stream.where("dedup"), "a duplicate window needs an id", "name the field with the event's id: id");
  if (!idTypes.test(id.type))
    invalid(
      stream.where("id"),
      `${id.name} is a ${id.type}, whose text is not unique`,
      "use a VARCHAR, UUID or BIGINT",
    );
  return ms;
}

function fieldNamed(stream: Section, key: string, fields: readonly FieldDefinition[]): FieldDefinition | undefined {
  const name = stream.text(key);
  if (name === undefined) return undefined;
  const field = fields.find((each) => each.name === name);
  if (field) return field;
  return invalid(
    stream.where(key),
    `no field is named ${JSON.stringify(name)}`,
    `name one of ${fields.map((each) => each.name).join(", ")}`,
  );
}

function timeField(stream: Section, fields: readonly FieldDefinition[]): FieldDefinition | undefined {
  const field = fieldNamed(stream, "time", fields);
  if (field && !/^(DATE$|TIMESTAMP)/.test(field.type)) {
    invalid(stream.where("time"), `${field.name} is ${field.type}, not a time`, "name a TIMESTAMP or DATE field");
  }
  return field;
}

function refuseTwin(all: Section, stream: StreamDefinition, earlier: readonly StreamDefinition[]): void {
  const named = earlier.find((each) => sameName(each.name, stream.name));
  if (named)
    invalid(all.where(stream.name), `differs from the stream ${named.name} only in case`, "choose another name");
  const twin = earlier.find((each) => each.topic === stream.topic);
  if (twin) {
    invalid(
      all.where(stream.name),
      `its topic ${stream.topic} is already that of stream ${twin.name}`,
      "give each stream a topic of its own",
    );
  }
}
