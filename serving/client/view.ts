import { ApiError, type Connection, pause } from "./connection.ts";
import type { Meta } from "./meta.ts";
import { parseExactly } from "./numbers.ts";
import { type Question, queryOf } from "./question.ts";
import { eventsIn } from "./sse.ts";
import type { Value } from "./values.ts";

export interface Answer<Row> {
  readonly data: Row[];
  readonly meta: Meta;
}

export interface Change<Row> {
  /** rows: of groups that changed. reset: read the view again. */
  readonly event: "rows" | "reset";
  readonly position: string;
  readonly rows: Row[];
  /** Keys of groups that no longer have a row. */
  readonly removed: Partial<Row>[];
  /** Keys of groups that the view's SQL has no value for now. */
  readonly failed: Partial<Row>[];
}

export class View<Row extends object, Key extends string> {
  readonly #connection: Connection;
  readonly #path: string;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#path = `/v1/views/${encodeURIComponent(name)}`;
  }

  /** @throws ApiError */
  rows(question: Question<Row> = {}, signal?: AbortSignal): Promise<Answer<Row>> {
    return this.#connection.json<Answer<Row>>(`${this.#path}${queryOf(question)}`, { signal });
  }

  /** The row of a group, by its whole key; null: there is none. @throws ApiError */
  async get(key: { readonly [column in Key & keyof Row]: Value | null }): Promise<Row | null> {
    const { data } = await this.rows({ where: key as Question<Row>["where"] & object, limit: 2 });
    if (data.length > 1) throw new TypeError("this is not the whole key: there are several such rows");
    return data[0] ?? null;
  }

  /** As an apache-arrow table: that package must be installed. @throws ApiError */
  async arrow(question: Question<Row> = {}): Promise<import("apache-arrow").Table> {
    const response = await this.#connection.send(`${this.#path}${queryOf(question)}`, {
      accept: "application/vnd.apache.arrow.stream",
    });
    const { tableFromIPC } = await import("apache-arrow");
    return tableFromIPC(new Uint8Array(await response.arrayBuffer()));
  }

  /** What the row of a group is derived from. @throws ApiError */
  explain<Explained extends object = Record<string, unknown>>(
    key: { readonly [column in Key & keyof Row]: Value | null },
    page: { readonly events?: number; readonly after?: number } = {},
  ): Promise<Explained> {
    const more = Object.fromEntries(Object.entries(page).map(([name, value]) => [name, String(value)]));
    return this.#connection.json<Explained>(
      `${this.#path}/explain${queryOf({ where: key as Question<Row>["where"] & object, more })}`,
    );
  }

  /**
   * A URL for an EventSource, which can't send a key: with a ticket that is valid once, within a
   * minute. When the connection is closed, ask for another.
   * @throws ApiError
   */
  async changesUrl(where?: Question<Row>["where"]): Promise<string> {
    const path = `${this.#path}/changes`;
    const { ticket } = await this.#connection.json<{ ticket: string | null }>("/v1/tickets", {
      body: JSON.stringify({ path }),
    });
    return this.#connection.urlOf(`${path}${queryOf({ ...(where ? { where } : {}), more: ticket ? { ticket } : {} })}`);
  }

  /**
   * Rows as they change, from now on: a `reset` comes first, and whenever missed changes can't be
   * derived any more. It reconnects automatically.
   * @param since a position to continue from
   * @throws ApiError where the view's changes can't be derived
   */
  async *changes({
    where,
    since,
    signal,
  }: {
    readonly where?: Question<Row>["where"];
    readonly since?: string;
    readonly signal?: AbortSignal;
  } = {}): AsyncGenerator<Change<Row>> {
    let last = since ?? "";
    while (!signal?.aborted) {
      const headers: Record<string, string> = last === "" ? {} : { "Last-Event-ID": last };
      const accept = "text/event-stream";
      try {
        const path = `${this.#path}/changes${queryOf(where ? { where } : {})}`;
        const response = await this.#connection.send(path, { accept, headers, signal });
        for await (const { id, event, data } of eventsIn(response.body!)) {
          if (event !== "rows" && event !== "reset") continue;
          const { rows = [], removed = [], failed = [] } = parseExactly(data) as Partial<Change<Row>>;
          last = id;
          this.#connection.see(id);
          yield { event, position: id, rows, removed, failed };
        }
      } catch (error) {
        if (signal?.aborted) return;
        // a server that can't be reached may come back; one that refuses will refuse again
        const refused = error instanceof ApiError && error.status < 500 && error.status !== 429;
        if (refused || error instanceof SyntaxError) throw error;
      }
      await pause(1000, signal);
    }
  }
}
