/** The two workloads that come apart when an application writes twice, and do not through the log. */
import type { Screen } from "../screen.ts";
import { Database } from "./database.ts";
import { indexTable } from "./rename.ts";
import { committed, indexed, type Shop } from "./story.ts";
import { type ShopUrls, skuOf } from "./tables.ts";
import { twoWriters, type Writes, writerThatDies } from "./two-writes.ts";

/** A product's name where it was written, and where it should have come. */
interface Sides {
  readonly sku: string;
  readonly database: string;
  readonly derived: string;
}

/** How often the two writers meet: it is the same each time. */
const meetings = 3;

export async function dualWrites(screen: Screen, urls: ShopUrls): Promise<void> {
  const [shop, search] = [await Database.open(urls.shop), await Database.open(urls.search)];
  try {
    await search.rows(indexTable);
    const all = await shop.rows("SELECT sku, name FROM products");
    await search.rows(
      "INSERT INTO search_index SELECT sku, name FROM json_to_recordset($1) AS p(sku text, name text)",
      [JSON.stringify(all)],
    );
    const derived = async (sku: string) => nameIn(search, "search_index", sku);
    const sides = await bothWorkloads({ urls, twice: true }, 0, shop, derived);
    const found = await search.rows("SELECT sku FROM search_index WHERE search @@ to_tsquery('parka')");
    screen.line("   A writer is killed (kill -9) after its commit, before it writes the index:");
    saySides(screen, sides.slice(0, 1));
    screen.line(
      `     a search for "parka" finds ${found.length === 0 ? "nothing" : found.map(({ sku }) => sku).join(" and ")}`,
    );
    screen.line("   Two writers rename a product: A commits, B commits, B writes the index, A writes the index:");
    saySides(screen, sides.slice(1));
    const differing = sides.filter(({ database, derived }) => database !== derived).length;
    screen.line(
      `   ${differing} of ${sides.length} products differ, for ever: each write went well, and none is repeated.`,
    );
  } finally {
    await Promise.all([shop.close(), search.close()]);
  }
}

/** @returns whether both sides are equal */
export async function throughTheLog(shop: Shop): Promise<boolean> {
  const { screen, urls, db, index } = shop;
  const derived = async (sku: string) => {
    await indexed(shop);
    return index.nameOf(sku);
  };
  const sides = await bothWorkloads({ urls, twice: false }, 100, db, derived);
  screen.line("   A writer is killed (kill -9) after its commit:");
  saySides(screen, sides.slice(0, 1));
  screen.line(`     a search for "parka" finds ${(await index.find("parka")).join(" and ")}`);
  screen.line("   Two writers rename a product: A commits, B commits, B is done, A is done:");
  saySides(screen, sides.slice(1));
  const isEqual = sides.every(({ database, derived }) => database === derived);
  screen.line(
    isEqual ? "   All are equal: the log has one order, the database's own." : "   DIFFERENT: this is a bug.",
  );
  await readOwnWrite(shop);
  return isEqual;
}

async function bothWorkloads(
  writes: Writes,
  first: number,
  shop: Database,
  derived: (sku: string) => Promise<string>,
): Promise<Sides[]> {
  const sku = skuOf(first);
  await writerThatDies(writes, sku, "arctic parka");
  const skus = [sku];
  for (let i = 1; i <= meetings; i++) {
    skus.push(skuOf(first + i));
    await twoWriters(writes, skuOf(first + i), [`named ${i} by A`, `named ${i} by B`]);
  }
  const sides: Sides[] = [];
  for (const each of skus)
    sides.push({ sku: each, database: await nameIn(shop, "products", each), derived: await derived(each) });
  return sides;
}

async function nameIn(db: Database, table: "products" | "search_index", sku: string): Promise<string> {
  const [row] = await db.rows(`SELECT name FROM ${table} WHERE sku = $1`, [sku]);
  return row?.name ?? "nothing";
}

function saySides(screen: Screen, sides: readonly Sides[]): void {
  for (const { sku, database, derived } of sides) {
    const verdict = database === derived ? "equal" : "DIFFERENT";
    const quoted = (text: string) => `"${text}"`.padEnd(20);
    screen.line(`     ${sku}  database ${quoted(database)} search index ${quoted(derived)} ${verdict}`);
  }
}

/** A query waits for a commit of one's own. */
async function readOwnWrite(shop: Shop): Promise<void> {
  const { screen, db, tidemark } = shop;
  await db.rows("UPDATE customers SET city = 'Reykjavík' WHERE id = 1");
  const lsn = await committed(shop);
  const began = performance.now();
  const [row] = await tidemark.rows("customers?id=eq.1", lsn);
  const ms = Math.round(performance.now() - began);
  screen.line("   A query can wait for a commit of one's own:");
  screen.line(`     GET /v1/views/customers?id=eq.1   Tidemark-Wait-For: ${lsn}`);
  screen.line(`     ${row}   after ${ms} ms`);
}
