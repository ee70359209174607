/** A box to run SQL in. */
import type { Client, ViewInfo } from "../client/client.ts";
import type { ViewRow } from "./api.ts";
import { h } from "./dom.ts";
import { rowsTable } from "./table.ts";
import { grouped } from "./words.ts";

export function sqlBox(client: Client, views: readonly ViewInfo[]): HTMLElement {
  const first = views[0];
  const key = first?.columns.find((column) => column.key)?.name;
  const measure = first?.columns.find((column) => !column.key)?.name;
  const name = (text: string) => (/^\w+$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`);
  const example =
    first && key && measure
      ? `SELECT ${name(key)}, MEASURE(${name(measure)}) AS ${name(measure)}\nFROM ${name(first.name)}\nGROUP BY ${name(key)}\nORDER BY 2 DESC, 1\nLIMIT 20`
      : "SELECT 1";
  const text = h(
    "textarea",
    {
      rows: 5,
      spellcheck: "false",
      "aria-label": "SQL over the views",
      onkeydown: (event: KeyboardEvent) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && void ask(),
    },
    example,
  );
  const out = h("div", { "aria-live": "polite" });
  const run = h("button", { type: "button", onclick: () => void ask() }, "Run");
  const ask = async () => {
    run.disabled = true;
    const began = performance.now();
    try {
      const { data, meta } = await client.query<ViewRow & object>(text.value);
      const columns = Object.entries(data[0] ?? {}).map(([column, value]) => ({
        name: column,
        type: typeof value === "number" || typeof value === "bigint" ? "DOUBLE" : "VARCHAR",
      }));
      out.replaceChildren(
        rowsTable(columns, data, {
          caption: `${grouped(data.length)} rows in ${Math.round(performance.now() - began)} ms, exact at ${meta.position}`,
        }),
      );
    } catch (error) {
      out.replaceChildren(h("p", { class: "bad" }, (error as Error).message));
    }
    run.disabled = false;
  };
  return h(
    "div",
    {},
    text,
    h(
      "div",
      { class: "row" },
      run,
      h(
        "span",
        { class: "soft" },
        "Ctrl+Enter runs the query. MEASURE(column) recomputes a view's measure in the query's own groups, exactly.",
      ),
    ),
    out,
  );
}
