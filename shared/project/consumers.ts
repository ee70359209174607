/** The configuration's section `consumers`: stores of others that are kept equal to a view. */
import type { ViewSource } from "../definition.ts";
import { isName, nameRule } from "../names.ts";
import { checkSecret, readSecret, type SecretSources } from "./secret.ts";
import { invalid, type Section } from "./section.ts";

export interface ConsumerSection {
  readonly name: string;
  /** A view's name, or a changelog's. */
  readonly from: string;
  readonly to: TableTarget | CacheTarget;
}

/** A table of a PostgreSQL. */
export interface TableTarget {
  readonly kind: "postgres";
  /** Where the database is, with user and password; read when this is called. @throws CONFIG_INVALID */
  readonly url: () => string;
  readonly schema: string;
  readonly table: string;
  /** Null: there is none. */
  readonly search: SearchColumn | null;
}

/** A tsvector of some columns, with an index. */
export interface SearchColumn {
  readonly name: string;
  readonly of: readonly string[];
  /** A text search configuration, without its schema where that is pg_catalog. */
  readonly language: string;
}

/** Keys of a Redis or Valkey. */
export interface CacheTarget {
  readonly kind: "redis";
  /** As of a table. */
  readonly url: () => string;
  readonly prefix: string;
  /** What is done with the key of a row that changes: its row is put there, or it is removed. */
  readonly keep: "rows" | "nothing";
}

export function readConsumers(config: Section, secrets: SecretSources): ConsumerSection[] {
  const all = config.section("consumers", null);
  const consumers = all.keys().map((name) => readConsumer(all, name, secrets));
  const placeOf = ({ to }: ConsumerSection) =>
    to.kind === "postgres" ? `table ${to.schema}.${to.table}` : `prefix ${JSON.stringify(to.prefix)}`;
  for (const [i, one] of consumers.entries()) {
    const other = consumers.slice(0, i).find((each) => placeOf(each) === placeOf(one));
    if (other) invalid(all.where(one.name), `${placeOf(one)} is ${other.name}'s already`, "name another place");
    const within = consumers.find((each) => each !== one && sharesKeys(one, each));
    if (within)
      invalid(
        all.where(one.name),
        `prefix ${JSON.stringify(prefixOf(one))} begins like ${within.name}'s: a key could be a row of both`,
        "name another",
      );
  }
  return consumers;
}

function prefixOf({ to }: ConsumerSection): string | null {
  return to.kind === "redis" ? to.prefix : null;
}

/** A row's keys go on where the prefix ends: "a:" and "b:1" are the key "a:b:1", as "a:b:" and "1" are. */
function sharesKeys(one: ConsumerSection, other: ConsumerSection): boolean {
  const [longer, shorter] = [prefixOf(one), prefixOf(other)];
  return longer !== null && shorter !== null && longer.startsWith(shorter);
}

function readConsumer(all: Section, name: string, secrets: SecretSources): ConsumerSection {
  if (!isName(name)) invalid(all.where(name), "not a name for a consumer", nameRule);
  const consumer = all.section(name, ["from", "to"]);
  const from = consumer.text("from");
  if (from === undefined) return invalid(consumer.where("from"), "is missing", "name a view or a changelog");
  if (!consumer.has("to"))
    invalid(consumer.where("to"), "is missing", 'write { postgres: "env:NAME", table: "public.found" }');
  const to = consumer.section("to", ["postgres", "table", "search", "redis", "prefix", "keep"]);
  if (to.has("postgres") === to.has("redis"))
    invalid(consumer.where("to"), "names neither or both of postgres and redis", "name one of them");
  return { name, from, to: to.has("postgres") ? readTable(to, secrets) : readCache(to, secrets) };
}

function urlIn(to: Section, key: "postgres" | "redis", secrets: SecretSources): () => string {
  const named = to.text(key)!;
  checkSecret(to.where(key), named);
  return () => readSecret(to.where(key), named, secrets);
}

function onlyOf(to: Section, kind: string, others: readonly string[]): void {
  const strange = others.find((key) => to.has(key));
  if (strange !== undefined) invalid(to.where(strange), `is not for ${kind}`, "leave it out");
}

/** PostgreSQL cuts longer names. */
const nameBytesMax = 63;

function readTable(to: Section, secrets: SecretSources): TableTarget {
  onlyOf(to, "postgres", ["prefix", "keep"]);
  const named = to.text("table");
  if (named === undefined) return invalid(to.where("table"), "is missing", 'write "public.found"');
  const [schema, table, ...more] = named.split(".");
  if (!schema || !table || more.length > 0)
    invalid(to.where("table"), `${JSON.stringify(named)} has no schema`, `write "public.${named}"`);
  for (const part of [schema!, table!])
    if (Buffer.byteLength(part) > nameBytesMax)
      invalid(to.where("table"), `${part} is longer than PostgreSQL's names`, `use at most ${nameBytesMax} bytes`);
  const search = to.has("search") ? readSearch(to.section("search", ["column", "of", "language"])) : null;
  return { kind: "postgres", url: urlIn(to, "postgres", secrets), schema: schema!, table: table!, search };
}

function readSearch(search: Section): SearchColumn {
  const of = search.texts("of");
  if (!of || of.length === 0) return invalid(search.where("of"), "names no columns", 'write of: ["name"]');
  return { name: search.text("column") ?? "search", of, language: search.text("language") ?? "simple" };
}

function readCache(to: Section, secrets: SecretSources): CacheTarget {
  onlyOf(to, "redis", ["table", "search"]);
  const prefix = to.text("prefix");
  if (prefix === undefined) return invalid(to.where("prefix"), "is missing", 'write "cities:"');
  const keep = to.text("keep") ?? "rows";
  if (keep !== "rows" && keep !== "nothing")
    return invalid(to.where("keep"), `${JSON.stringify(keep)} is not known`, 'write "rows" or "nothing"');
  return { kind: "redis", url: urlIn(to, "redis", secrets), prefix, keep };
}

/** @throws CONFIG_INVALID where a consumer is of no view */
export function checkFrom(config: Section, { name, from }: ConsumerSection, views: readonly ViewSource[]): void {
  if (views.some((view) => view.name === from)) return;
  invalid(
    config.where(`consumers.${name}.from`),
    `there is no view or changelog ${JSON.stringify(from)}`,
    `there are: ${views.map((view) => view.name).join(", ") || "none"}`,
  );
}
