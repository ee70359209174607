/** A connection to PostgreSQL, as the shop's programs have it: values are PostgreSQL's own texts. */
import pg from "pg";

export type Row = Readonly<Record<string, string | null>>;

export class Database {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<Database> {
    const client = new pg.Client({
      connectionString: url,
      options: "-c timezone=UTC",
      types: { getTypeParser: () => (text: string) => text },
    } as pg.ClientConfig);
    // a connection that breaks fails what is under way; without a listener it would end the process
    client.on("error", () => undefined);
    await client.connect();
    return new Database(client);
  }

  async rows(text: string, values: readonly (string | number | null)[] = []): Promise<Row[]> {
    const result = values.length === 0 ? this.#client.query(text) : this.#client.query(text, [...values]);
    return (await result).rows as Row[];
  }

  /** @returns false where the work asked for that, and nothing of it was committed. @throws what the work does */
  async transaction(work: () => Promise<boolean>): Promise<boolean> {
    await this.rows("BEGIN");
    let commits = false;
    try {
      commits = await work();
    } finally {
      await this.rows(commits ? "COMMIT" : "ROLLBACK");
    }
    return commits;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

/** The same server's database of that name. */
export function databaseAt(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}
