/** Whether what Tidemark serves is what PostgreSQL says itself, value by value. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Database } from "./database.ts";
import { shopProject } from "./tables.ts";
import { linesOf, type Tidemark } from "./tidemark.ts";

/** Changelogs, as PostgreSQL has their tables: the columns that are followed. */
export const followedTables: Readonly<Record<string, string>> = {
  customers: "SELECT id, name, city FROM customers",
  products: "SELECT sku, name, description, category, price, stock FROM products",
  orders: "SELECT id, customer, placed::text, cancelled::text, status FROM orders",
};
export const views = readdirSync(join(shopProject, "views")).map((file) => basename(file, ".sql"));

export interface Comparison {
  readonly rows: number;
  /** Rows that only one of the two has. */
  readonly differences: readonly string[];
}

/** The view's own question, asked of PostgreSQL: as it is written, or where events are asked, of its tables. */
export function questionOf(view: string): { readonly sql: string; readonly isOwn: boolean } {
  const other = join(shopProject, "in-postgres", `${view}.sql`);
  const isOwn = !existsSync(other);
  return { sql: readFileSync(isOwn ? join(shopProject, "views", `${view}.sql`) : other, "utf8"), isOwn };
}

/** @param waitFor a position that covers all that PostgreSQL has committed */
export async function compareView(
  tidemark: Tidemark,
  db: Database,
  view: string,
  sql: string,
  waitFor: string,
): Promise<Comparison> {
  return compared(await tidemark.rows(view, waitFor), await jsonRows(db, sql));
}

/** What PostgreSQL says: a JSON object a row, written as Tidemark writes them. */
export async function jsonRows(db: Database, sql: string): Promise<string[]> {
  const rows = await db.rows(`SELECT row_to_json(asked)::text AS json FROM (${sql}) AS asked`);
  return rows.map(({ json }) => json!);
}

/** Orders, and what the outbox's events say of them. */
export async function compareOutbox(tidemark: Tidemark, db: Database, waitFor: string): Promise<Comparison> {
  // an answer that covers the commits: then the log has their events
  await tidemark.get("/v1/views/days", waitFor);
  const lines = linesOf(await tidemark.get("/v1/streams/order_events/events?from=earliest"));
  const events = lines.map((line) => {
    const { event } = JSON.parse(line) as { event: { type: string; order: number } };
    return `${event.type} ${event.order}`;
  });
  const committed = await db.rows(
    `SELECT 'OrderPlaced ' || id AS event FROM orders
     UNION ALL SELECT 'OrderCancelled ' || id FROM orders WHERE cancelled IS NOT NULL`,
  );
  return compared(
    events,
    committed.map(({ event }) => event!),
  );
}

/** As bags: what is twice on one side has to be twice on the other. */
export function compared(found: readonly string[], wanted: readonly string[]): Comparison {
  const counts = new Map<string, number>();
  for (const row of found) counts.set(row, (counts.get(row) ?? 0) + 1);
  for (const row of wanted) counts.set(row, (counts.get(row) ?? 0) - 1);
  const differences = [...counts].filter(([, n]) => n !== 0).map(([row, n]) => `${n > 0 ? "+" : "-"}${row}`);
  return { rows: found.length, differences };
}
