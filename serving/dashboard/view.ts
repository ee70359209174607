/** One view: chart and table, rolled up and filtered, as it changes. */
import type { Client, ViewInfo } from "../client/client.ts";
import type { ViewRow } from "./api.ts";
import { type Bar, chart } from "./chart.ts";
import { h } from "./dom.ts";
import { explain } from "./explain.ts";
import { rowsTable, type TableColumn } from "./table.ts";
import { cellText, grouped, isNumeric, isTime, numberOf } from "./words.ts";

const barsMax = 60;
const rowsMax = 200;
/** Between two redraws, at least. */
const redrawMs = 400;
const buckets = ["", "minute", "hour", "day", "week", "month", "quarter", "year"];

export class ViewPanel {
  readonly element = h("div");
  readonly #client: Client;
  readonly #view: ViewInfo;
  readonly #trouble: (error: unknown) => void;
  readonly #body = h("div");
  readonly #leaving = new AbortController();
  /** Group keys to roll up to; all of them: no roll-up. */
  #by: Set<string>;
  #bucket = "";
  #measure: string;
  #axis: string;
  #filters = "";
  #order: string | null = null;
  #last = new Map<string, string>();
  #drawing = false;
  #again = false;

  constructor(client: Client, view: ViewInfo, trouble: (error: unknown) => void) {
    this.#client = client;
    this.#view = view;
    this.#trouble = trouble;
    const keys = this.#keys;
    this.#by = new Set(keys.map(({ name }) => name));
    this.#axis = (keys.find(({ type }) => isTime(type)) ?? keys[0])?.name ?? "";
    const timed = keys.some(({ name, type }) => name === this.#axis && isTime(type));
    this.#measure = view.columns.find(({ key, type }) => !key && isNumeric(type))?.name ?? "";
    const first = timed ? this.#axis : this.#measure;
    this.#order = first === "" ? null : `${first}.desc`;
    this.element.append(h("p", { class: "soft" }, view.description), this.#controls(), this.#body);
    void this.#follow();
    void this.draw();
  }

  close(): void {
    this.#leaving.abort();
  }

  get #keys(): readonly TableColumn[] {
    return this.#view.columns.filter(({ key }) => key);
  }

  #controls(): HTMLElement {
    const keys = this.#keys;
    const change = (set: (value: string) => void) => (event: Event) => {
      set((event.target as HTMLInputElement).value);
      void this.draw();
    };
    const select = (label: string, names: readonly string[], chosen: string, set: (value: string) => void) =>
      h(
        "label",
        {},
        label,
        h(
          "select",
          { onchange: change(set) },
          ...names.map((name) =>
            h("option", { value: name, selected: name === chosen }, name === "" ? "as they are" : name),
          ),
        ),
      );
    const toggle = ({ name }: TableColumn) => {
      const onchange = (event: Event) => {
        if ((event.target as HTMLInputElement).checked) this.#by.add(name);
        else this.#by.delete(name);
        void this.draw();
      };
      return h("label", {}, h("input", { type: "checkbox", checked: true, onchange }), name);
    };
    const measures = this.#view.columns.filter(({ key, type }) => !key && isNumeric(type)).map(({ name }) => name);
    return h(
      "div",
      { class: "row" },
      measures.length > 0 &&
        select("measure", measures, this.#measure, (value) => {
          this.#measure = value;
        }),
      keys.length > 1 &&
        select(
          "chart by",
          keys.map(({ name }) => name),
          this.#axis,
          (value) => {
            this.#axis = value;
          },
        ),
      keys.some(({ type }) => isTime(type)) &&
        select("times", buckets, "", (value) => {
          this.#bucket = value;
        }),
      keys.length > 0 && h("fieldset", {}, h("legend", {}, "rows by"), ...keys.map(toggle)),
      h(
        "label",
        {},
        "filters",
        h("input", {
          type: "text",
          size: 34,
          placeholder: `${keys[0]?.name ?? "column"}=eq.…`,
          onchange: change((value) => {
            this.#filters = value.trim();
          }),
        }),
      ),
    );
  }

  /** By these keys, times in the chosen buckets; undefined: in the view's own groups. */
  #rolled(names: readonly string[]): string[] | undefined {
    const keys = this.#keys;
    if (names.length === keys.length && this.#bucket === "") return undefined;
    return names.map((name) => {
      const bucket = isTime(keys.find((key) => key.name === name)!.type) ? this.#bucket : "";
      const quoted = `"${name.replaceAll(/["\\]/g, "\\$&")}"`;
      return bucket === "" ? quoted : `${quoted}.${bucket}`;
    });
  }

  async draw(): Promise<void> {
    if (this.#drawing) {
      this.#again = true;
      return;
    }
    this.#drawing = true;
    try {
      this.#body.replaceChildren(...(await this.#nodes()));
      this.#trouble(null);
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.#trouble(error);
    }
    this.#drawing = false;
    if (this.#again) {
      this.#again = false;
      void this.draw();
    }
  }

  async #nodes(): Promise<Node[]> {
    const { name, failed } = this.#view;
    if (failed) return [h("p", { class: "bad" }, `This view fails on valid events: ${failed.message}`)];
    const more = Object.fromEntries(new URLSearchParams(this.#filters));
    const view = this.#client.view(name);
    const by = this.#rolled([...this.#by]);
    const order =
      this.#order === null
        ? []
        : [
            this.#order.replace(
              /^(.*?)(\.desc)?$/s,
              (_, column: string, desc = "") => `"${column.replaceAll(/["\\]/g, "\\$&")}"${desc}.nullslast`,
            ),
          ];
    const question = { ...(by ? { by } : {}), order, limit: rowsMax, more };
    const { data, meta } = await view.rows(question, this.#leaving.signal);
    const rows = data as ViewRow[];
    const columns = this.#view.columns.filter(({ name: column }) => rows.length === 0 || column in rows[0]!);
    const fresh = new Map(rows.map((row) => [this.#keyOf(row), cellText(row)]));
    const before = this.#last;
    this.#last = fresh;
    const own = by === undefined;
    const caption = `${rows.length === rowsMax ? `The first ${grouped(rowsMax)} rows` : `${grouped(rows.length)} rows`}, exact at ${meta.position}`;
    const table = rowsTable(columns, rows, {
      caption,
      order: this.#order,
      sort: (column) => {
        this.#order = this.#order === `${column}.desc` ? column : `${column}.desc`;
        void this.draw();
      },
      pick: own ? (row) => void explain(this.#client, name, this.#view.columns, row) : null,
      isChanged: (row) => before.size > 0 && before.get(this.#keyOf(row)) !== cellText(row),
    });
    return [...(await this.#chartNodes(more)), table];
  }

  #keyOf(row: ViewRow): string {
    return cellText(this.#keys.map(({ name }) => row[name] ?? null));
  }

  async #chartNodes(more: Readonly<Record<string, string>>): Promise<Node[]> {
    if (this.#measure === "" || this.#axis === "") return [];
    const { name } = this.#view;
    const axis = this.#keys.find((key) => key.name === this.#axis)!;
    const time = isTime(axis.type);
    const by = this.#rolled([axis.name]);
    // the latest buckets of a time, the largest values of any other key
    const quoted = (column: string) => `"${column.replaceAll(/["\\]/g, "\\$&")}"`;
    const order = [`${quoted(time ? axis.name : this.#measure)}.desc.nullslast`];
    const ask = async (layer: string) => {
      const of = layer === "" ? more : { ...more, layer };
      const { data } = await this.#client
        .view(name)
        .rows(
          { ...(by ? { by } : {}), order, limit: barsMax * (layer === "" ? 1 : 20), more: of },
          this.#leaving.signal,
        );
      return new Map((data as ViewRow[]).map((row) => [cellText(row[axis.name]), numberOf(row[this.#measure])]));
    };
    // rows that change have no share of speed: then the bars are whole
    const share = (layer: string) => ask(layer).catch(() => new Map<string, number | null>());
    let layers: Map<string, number | null>[];
    try {
      layers = await Promise.all([ask(""), share("batch"), share("speed")]);
    } catch (error) {
      if (this.#leaving.signal.aborted) return [];
      return [h("p", { class: "soft" }, `No chart: ${(error as Error).message}`)];
    }
    const [total, batch, speed] = layers as [
      Map<string, number | null>,
      Map<string, number | null>,
      Map<string, number | null>,
    ];
    const bars = [...total].map(
      ([label, value]): Bar => ({
        label: label === "" ? "NULL" : time ? label.replace(/ 00:00:00$/, "") : label,
        total: value,
        batch: batch.get(label) ?? null,
        speed: speed.get(label) ?? null,
      }),
    );
    if (time) bars.reverse();
    if (bars.length === 0) return [];
    const pick = (bar: Bar) => {
      if (this.#keys.length === 1 && this.#bucket === "")
        void explain(this.#client, name, this.#view.columns, { [axis.name]: bar.label === "NULL" ? null : bar.label });
    };
    return [
      h(
        "p",
        { class: "soft key" },
        `${this.#measure} by ${axis.name}${this.#bucket !== "" && time ? `, a bar a ${this.#bucket}` : ""}:`,
        h("i", { class: "is-batch" }),
        "batch",
        h("i", { class: "is-speed" }),
        "speed",
      ),
      chart(bars, { measure: this.#measure, key: axis.name, room: this.#body.clientWidth, pick }),
    ];
  }

  /** Redraws when rows change; a view whose rows can't be identified is polled. */
  async #follow(): Promise<void> {
    const { signal } = this.#leaving;
    let waiting = false;
    const soon = () => {
      if (waiting) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        if (!signal.aborted && !document.hidden) void this.draw();
      }, redrawMs);
    };
    try {
      for await (const _ of this.#client.view(this.#view.name).changes({ signal })) soon();
    } catch {
      const poll = setInterval(soon, 2000);
      signal.addEventListener("abort", () => clearInterval(poll), { once: true });
    }
  }
}
