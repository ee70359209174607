/** How an application without a log changes a product's name: in its database, then in its search index. */
import type { Database } from "./database.ts";

export interface Renaming {
  readonly sku: string;
  readonly name: string;
  /** Null: the application writes its database alone. */
  readonly index: Database | null;
  /** What happens after the database has committed, and before the index is written. */
  readonly between: () => Promise<void>;
}

export const indexTable = `CREATE TABLE search_index (
  sku text PRIMARY KEY,
  name text NOT NULL,
  search tsvector GENERATED ALWAYS AS (to_tsvector('english', name)) STORED
);
CREATE INDEX ON search_index USING gin (search)`;

export async function renameProduct(shop: Database, { sku, name, index, between }: Renaming): Promise<void> {
  await shop.rows("UPDATE products SET name = $2 WHERE sku = $1", [sku, name]);
  await between();
  await index?.rows("INSERT INTO search_index VALUES ($1, $2) ON CONFLICT (sku) DO UPDATE SET name = excluded.name", [
    sku,
    name,
  ]);
}
