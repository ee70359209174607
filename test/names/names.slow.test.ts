/**
 * Fields, keys and columns called by every name that is used inside, and by all that have a meaning somewhere
 * else, on the whole way.
 */
import { expect, test } from "vitest";
import { Duck } from "../../shared/duckdb/duck.ts";
import { someOf } from "../support/share.ts";
import { askEverything, journey, proveEverything } from "./journey.ts";
import { functionsOf, identifiersDuring, keywordsOf, ofObjects, ofRoutes, otherScripts } from "./lists.ts";

const other = (name: string) => (name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase());

/** With fields of these names, every second one in capitals, and columns of the same names the other way round. */
async function goWith(stream: string, names: readonly string[]): Promise<void> {
  const twins = new Map(names.map((name) => [name.toLowerCase(), name]));
  const fields = [...twins.values()].map((name, i) => (i % 2 === 0 ? name : other(name)));
  const way = await journey(stream, fields, other, true);
  try {
    await askEverything(way);
    await proveEverything(way);
  } finally {
    await way.close();
  }
}

/** All SQL that is run on the whole way, in every process, but for what is DuckDB's own. */
async function internalNames(): Promise<string[]> {
  const plain = Array.from({ length: 20 }, (_, i) => `plain_${i}`);
  const found = await identifiersDuring(() => goWith("plain", plain));
  const duck = await Duck.open({ threads: 1 });
  const session = await duck.session();
  const own = new Set([...(await functionsOf(session)), ...(await keywordsOf(session))]);
  session.close();
  duck.close();
  return found.filter((name) => !name.includes("plain") && !own.has(name));
}

test("every answer is the same, whatever the names", { timeout: 600_000 }, async () => {
  const internal = await internalNames();
  expect(internal).toEqual(
    expect.arrayContaining(["t", "p", "o", "rowid", "k0", "n", "s", "partials", "merged", "upto"]),
  );
  await goWith("partials", someOf([...internal, ...otherScripts, ...ofObjects, ...ofRoutes], 100));
});
