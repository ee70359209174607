/** Everything that Tidemark serves of the shop, beside what PostgreSQL says itself. */
import { grouped } from "../screen.ts";
import { type Comparison, compareOutbox, compareView, followedTables, questionOf, views } from "./compare.ts";
import { committed, type Shop } from "./story.ts";

const shownDifferences = 3;
/** What Tidemark has for comparing: tables at one LSN, and each view's own SQL over all that the log ever had. */
const verbs = ["sources verify", "verify"];

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
  for (const { verb, lines, isGood } of await Promise.all(verbs.map((verb) => tidemark.run(verb)))) {
    isEqual &&= isGood;
    screen.line(`   $ tidemark ${verb}`);
    for (const line of lines) screen.line(`     ${line}`);
  }
  return isEqual;
}
