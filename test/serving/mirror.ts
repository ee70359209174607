/** A client of changes that keeps a view's rows by the events it receives. */
import { request } from "node:http";

interface Body {
  readonly position: string;
  readonly rows: Record<string, unknown>[];
  readonly removed: Record<string, unknown>[];
}

/** Rows as texts, by the texts of their keys. */
export class Mirror {
  readonly received: { readonly event: string; readonly id: string; readonly body: Body }[] = [];
  readonly rows = new Map<string, string>();
  position = "";
  ended = false;
  readonly #keys: readonly string[];
  readonly #request: ReturnType<typeof request>;
  #text = "";

  /**
   * @param keys the view's key columns
   * @param lastEventId where it goes on
   */
  constructor(url: string, query: string, keys: readonly string[], lastEventId?: string) {
    this.#keys = keys;
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    this.#request = request(`${url}/v1/views/${query}`, { headers }, (response) => {
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => this.#take(chunk));
      response.on("end", () => {
        this.ended = true;
      });
    });
    this.#request.on("error", () => undefined);
    this.#request.end();
  }

  close(): void {
    this.#request.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    for (let end = this.#text.indexOf("\n\n"); end >= 0; end = this.#text.indexOf("\n\n")) {
      const block = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
      if (field("event") === "") continue;
      const body = JSON.parse(field("data")) as Body;
      this.received.push({ event: field("event"), id: field("id"), body });
      this.position = body.position;
      if (field("event") === "rows") this.#apply(body);
    }
  }

  #apply({ rows, removed }: Body): void {
    for (const row of rows) this.rows.set(keyText(row, this.#keys), JSON.stringify(row));
    for (const key of removed) this.rows.delete(keyText(key, this.#keys));
  }
}

/** Rows as a mirror keeps them. */
export function mirrored(rows: readonly Record<string, unknown>[], keys: readonly string[]): Map<string, string> {
  return new Map(rows.map((row) => [keyText(row, keys), JSON.stringify(row)]));
}

function keyText(row: Record<string, unknown>, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => row[key]));
}
