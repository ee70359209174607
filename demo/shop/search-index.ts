/** The search index that Tidemark keeps: a table of another database, which states what it contains. */
import { setTimeout as sleep } from "node:timers/promises";
import { Database } from "./database.ts";

const table = "products_found";
const pollMs = 50;

export class SearchIndex {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  static async open(url: string): Promise<SearchIndex> {
    return new SearchIndex(await Database.open(url));
  }

  /** Resolves once it contains what an answer of this position does. */
  async reach(position: string, signal: AbortSignal): Promise<void> {
    const wanted = offsetsIn(position);
    const isReached = (stated: ReadonlyMap<string, number>) =>
      [...wanted].every(([partition, offset]) => (stated.get(partition) ?? 0) >= offset);
    while (!isReached(offsetsIn(await this.#position()))) await sleep(pollMs, undefined, { signal });
  }

  async nameOf(sku: string): Promise<string> {
    const [row] = await this.#db.rows(`SELECT name FROM ${table} WHERE sku = $1`, [sku]);
    return row?.name ?? "nothing";
  }

  /** Its rows as JSON objects. */
  async rows(): Promise<string[]> {
    const text = `SELECT row_to_json(f)::text AS json
      FROM (SELECT sku, name, description, category, price, stock FROM ${table}) AS f`;
    return (await this.#db.rows(text)).map(({ json }) => json!);
  }

  /** Which products a search finds, by the index. */
  async find(words: string): Promise<string[]> {
    const text = `SELECT sku FROM ${table} WHERE search @@ websearch_to_tsquery('english', $1) ORDER BY sku`;
    return (await this.#db.rows(text, [words])).map(({ sku }) => sku!);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  /** What it contains; empty: it has not been filled. */
  async #position(): Promise<string> {
    const [made] = await this.#db.rows("SELECT to_regclass('public.tidemark_consumers') AS made");
    if (made!.made === null) return "";
    const [row] = await this.#db.rows("SELECT position FROM tidemark_consumers WHERE name = 'shop.search'");
    return row?.position ?? "";
  }
}

/** Offsets of the products' changelog, by partition. */
function offsetsIn(position: string): ReadonlyMap<string, number> {
  const [, places = ""] = /(?:^|;)products@([^;]*)/.exec(position) ?? [];
  return new Map(
    places
      .split(",")
      .map((place) => place.split(":"))
      .map(([partition, offset]) => [partition!, Number(offset)]),
  );
}
