/** Dual writes come apart → the same through the log → the shop at work → everything compared with PostgreSQL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TidemarkError } from "../../shared/errors.ts";
import { type LogKind, startKafka } from "../kafka.ts";
import { type PostgresServer, postgresLacking, startPostgres } from "../postgres/server.ts";
import { grouped, Screen } from "../screen.ts";
import { Chance } from "./chance.ts";
import { Database } from "./database.ts";
import { dualWrites, throughTheLog } from "./dual.ts";
import { compareAll } from "./equal.ts";
import { shopAtWork } from "./live.ts";
import { SearchIndex } from "./search-index.ts";
import { makeShop, type ShopUrls } from "./tables.ts";
import { Tidemark } from "./tidemark.ts";

export interface ShopOptions {
  readonly log: LogKind;
  /** What the shop does while it is followed. */
  readonly transactions: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** What the story's parts have in common. */
export interface Shop {
  readonly options: ShopOptions;
  readonly screen: Screen;
  readonly urls: ShopUrls;
  /** A connection to the shop's database. */
  readonly db: Database;
  readonly tidemark: Tidemark;
  /** What Tidemark keeps, and nothing else writes. */
  readonly index: SearchIndex;
}

/** What was started is ended in the opposite order. */
type Ends = (() => Promise<unknown>)[];

const size = { customers: 1000, products: 200 };

/** @returns the exit code: 0 when all that went through the log is equal */
export async function runShop(options: ShopOptions): Promise<number> {
  const lacking = postgresLacking();
  if (lacking) throw new TidemarkError("DATABASE_UNREACHABLE", `no PostgreSQL server can be started here: ${lacking}`);
  const screen = new Screen();
  screen.line("Tidemark: a shop's PostgreSQL, and what is derived from it: reports, and a search index.");
  const ends: Ends = [];
  try {
    return await run(options, screen, ends);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function run(options: ShopOptions, screen: Screen, ends: Ends): Promise<number> {
  const { signal, seed } = options;
  const broker = options.log === "kafka" ? await startKafka(screen, "make demo-shop") : null;
  if (broker) ends.push(() => broker.stop());
  signal.throwIfAborted();
  const server = await startServer(screen, ends);
  signal.throwIfAborted();
  const urls = await makeShop(server.url, size, new Chance(seed));
  screen.heading("Without a log: the application writes its database, and then its search index");
  await dualWrites(screen, urls);
  signal.throwIfAborted();
  screen.heading("Through the log: the database's write-ahead log is followed, and all else follows that");
  const data = mkdtempSync(join(tmpdir(), "tidemark-shop-"));
  ends.push(async () => rmSync(data, { recursive: true, force: true, maxRetries: 3 }));
  const env = { SHOP_DATABASE_URL: urls.shop, SEARCH_DATABASE_URL: urls.search };
  const tidemark = await Tidemark.start({ data, brokers: broker?.brokers ?? null, env, signal });
  ends.push(() => tidemark.stop());
  const db = await Database.open(urls.shop);
  ends.push(() => db.close());
  const index = await SearchIndex.open(urls.search);
  ends.push(() => index.close());
  const shop = { options, screen, urls, db, tidemark, index };
  return Promise.race([tidemark.lives(), follow(shop)]);
}

async function startServer(screen: Screen, ends: Ends): Promise<PostgresServer> {
  const server = await startPostgres();
  ends.push(() => server.stop());
  screen.line(`A PostgreSQL server of its own is up on 127.0.0.1:${server.port}, for as long as this runs.`);
  return server;
}

async function follow(shop: Shop): Promise<number> {
  const { screen, tidemark, index, options } = shop;
  screen.line("   $ tidemark dev --project demo/shop      (every role in one process)");
  const rows = await tidemark.rows("products", await committed(shop));
  screen.line(`   its tables are read, without gap or overlap: ${grouped(rows.length)} products, and so on`);
  await indexed(shop);
  const filled = await index.rows();
  screen.line(`   and the search index of another database is filled: ${grouped(filled.length)} products`);
  screen.heading("The same again: the application writes its database alone");
  const isHealed = await throughTheLog(shop);
  screen.heading(`The shop at work: ${grouped(options.transactions)} transactions, and a batch run under them`);
  await shopAtWork(shop);
  screen.heading("Compare: PostgreSQL is asked the same questions, and every row compared");
  const isEqual = (await compareAll(shop)) && isHealed;
  screen.line(isEqual ? `\n   Equal, in ${screen.seconds.toFixed(0)} s.` : "\n   NOT equal: this is a bug.");
  return isEqual ? 0 : 1;
}

/** A position to wait for that covers all that the database has committed. */
export async function committed({ db }: Pick<Shop, "db">): Promise<string> {
  const [row] = await db.rows("SELECT pg_current_wal_flush_lsn() AS lsn");
  return `shop@${row!.lsn}`;
}

/** Resolves once the search index contains all that the database has committed. */
export async function indexed({ db, tidemark, index, options }: Shop): Promise<void> {
  await index.reach(await tidemark.positionAfter(await committed({ db }), "products"), options.signal);
}
