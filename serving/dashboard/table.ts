/** Rows as a table: a click on a column sorts, a click on a row explains it. */
import type { ViewRow } from "./api.ts";
import { h } from "./dom.ts";
import { cellText, isNumeric } from "./words.ts";

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly key?: boolean;
}

export interface TableOptions {
  readonly caption: string;
  /** "name" or "name.desc" */
  readonly order?: string | null;
  readonly sort?: (column: string) => void;
  readonly pick?: ((row: ViewRow) => void) | null;
  /** Rows that have just changed. */
  readonly isChanged?: (row: ViewRow) => boolean;
}

export function rowsTable(
  columns: readonly TableColumn[],
  rows: readonly ViewRow[],
  { caption, order = null, sort, pick, isChanged }: TableOptions,
): HTMLElement {
  const heads = columns.map(({ name, type, key }) => {
    const numeric = isNumeric(type) ? "n" : "";
    const sorted = order === name ? "ascending" : order === `${name}.desc` ? "descending" : "none";
    const mark = sorted === "none" ? "" : sorted === "ascending" ? " ↑" : " ↓";
    const title = `${type}${key ? ", group key" : ""}`;
    const label = sort
      ? h("button", { type: "button", title, onclick: () => sort(name) }, name + mark)
      : h("span", { title }, name);
    return h("th", { scope: "col", class: numeric, "aria-sort": sorted }, label);
  });
  const body = rows.map((row) => {
    const cells = columns.map(({ name, type }) => h("td", { class: isNumeric(type) ? "n" : "" }, cellText(row[name])));
    const open = pick ? () => pick(row) : null;
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open?.();
    };
    return h(
      "tr",
      {
        class: `${open ? "can" : ""} ${isChanged?.(row) ? "changed" : ""}`,
        ...(open ? { tabindex: 0, title: "why these numbers?", onclick: open, onkeydown: key } : {}),
      },
      ...cells,
    );
  });
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...body)),
  );
}
