/** Everything that Tidemark serves of the shop, beside what PostgreSQL says itself. */
import { grouped } from "../screen.ts";
import {
  type Comparison,
  compared,
  compareOutbox,
  compareView,
  followedTables,
  jsonRows,
  questionOf,
  views,
} from "./compare.ts";
import { committed, indexed, type Shop } from "./story.ts";

const shownDifferences = 3;
const sought = "waterproof jackets";
/** What Tidemark has for comparing: tables at one LSN, each view's own SQL over all events, a store with its view. */
const verbs = ["sources verify", "verify", "verify --consumer search"];

/** @returns whether all of it is equal */
export async function compareAll(shop: Shop): Promise<boolean> {
  const { screen, db, tidemark } = shop;
  const waitFor = await committed(shop);
  let isEqual = true;
  const say = (what: string, { rows, differences }: Comparison, how: string) => {
    isEqual &&= differences.length === 0;
    const verdict = differences.length === 0 ? "equal" : `DIFFERENT: ${differences.slice(0, shownDifferences)}`;
    screen.line(`   ${what.padEnd(10)} ${grouped(rows).padStart(6)} ${rows === 1 ? "row " : "rows"}, ${verdict}${how}`);
  };
  for (const [table, sql] of Object.entries(followedTables))
    say(table, await compareView(tidemark, db, table, sql, waitFor), "    the table");
  for (const view of views) {
    const { sql, isOwn } = questionOf(view);
    const how = isOwn ? "    the view's own SQL" : `    demo/shop/in-postgres/${view}.sql`;
    say(view, await compareView(tidemark, db, view, sql, waitFor), how);
  }
  const { rows, differences } = await compareOutbox(tidemark, db, waitFor);
  isEqual &&= differences.length === 0;
  const events = `${grouped(rows).padStart(6)} events`;
  screen.line(
    differences.length === 0
      ? `   outbox     ${events}: each order that was committed, and each that was cancelled, once; no other`
      : `   outbox     ${events}, DIFFERENT: ${differences.slice(0, shownDifferences)}`,
  );
  isEqual = (await compareIndex(shop)) && isEqual;
  for (const { verb, lines, isGood } of await Promise.all(verbs.map((verb) => tidemark.run(verb)))) {
    isEqual &&= isGood;
    screen.line(`   $ tidemark ${verb}`);
    for (const line of lines) screen.line(`     ${line}`);
  }
  return isEqual;
}

/** The search index's rows, and what it finds, beside the shop's own table. */
async function compareIndex(shop: Shop): Promise<boolean> {
  const { screen, db, index } = shop;
  await indexed(shop);
  const { rows, differences } = compared(await index.rows(), await jsonRows(db, followedTables.products!));
  const verdict = differences.length === 0 ? "equal" : `DIFFERENT: ${differences.slice(0, shownDifferences)}`;
  screen.line(`   index      ${grouped(rows).padStart(6)} rows, ${verdict}    the products, in the other database`);
  const found = await index.find(sought);
  const wanted = await db.rows(
    `SELECT sku FROM products WHERE to_tsvector('english', concat_ws(' ', name, description)) @@
       websearch_to_tsquery('english', $1) ORDER BY sku`,
    [sought],
  );
  const isFound = found.join() === wanted.map(({ sku }) => sku).join();
  const beside = isFound ? "as reading all of the database does" : `and the database ${wanted.length}: DIFFERENT`;
  screen.line(`   a search for "${sought}" finds ${found.length} products, ${beside}`);
  return differences.length === 0 && isFound;
}
