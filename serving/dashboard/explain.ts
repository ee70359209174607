/** Why these numbers: a row's shares, what it is derived from, and its events. */
import type { Client } from "../client/client.ts";
import type { ViewRow } from "./api.ts";
import { byId, h } from "./dom.ts";
import { rowsTable, type TableColumn } from "./table.ts";
import { cellText, grouped } from "./words.ts";

interface Explanation {
  readonly row: ViewRow | null;
  readonly shares: { readonly batch: ViewRow | null; readonly speed: ViewRow | null };
  readonly meta: {
    readonly position: string;
    readonly dead: number;
    readonly duplicates: number;
    readonly late: number;
    readonly verifiedUpTo: string | null;
  };
  readonly batch: {
    readonly upto: string;
    readonly version: number;
    readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  };
  readonly speed: {
    readonly from: string;
    readonly upto: string;
    readonly entries: readonly {
      readonly from: string;
      readonly upto: string;
      readonly events: number;
      readonly file: { readonly name: string };
    }[];
  };
  readonly events?: {
    readonly data: readonly {
      readonly stream: string;
      readonly partition: number;
      readonly offset: number;
      readonly time: string;
      readonly event: ViewRow;
    }[];
    readonly next: number | null;
  };
}

const pageSize = 20;

export async function explain(
  client: Client,
  view: string,
  columns: readonly TableColumn[],
  row: ViewRow,
): Promise<void> {
  const dialog = byId("explain") as HTMLDialogElement;
  const keys = Object.fromEntries(
    columns.filter(({ key }) => key).map(({ name }) => [name, row[name] as string | null]),
  );
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const show = (...nodes: Node[]) =>
    dialog.replaceChildren(
      h(
        "h2",
        { id: "explain-title" },
        `Why these numbers? ${
          Object.entries(keys)
            .map(([name, value]) => `${name} = ${cellText(value) || "NULL"}`)
            .join(", ") || view
        }`,
      ),
      ...nodes,
      close,
    );
  show(h("p", { class: "soft" }, "Looking…"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await client.view(view).explain<Explanation>(keys);
    const events = h(
      "div",
      {},
      h("button", { type: "button", onclick: () => void more(0) }, "Show the events it is derived from"),
    );
    const more = async (after: number) => {
      events.replaceChildren(h("p", { class: "soft" }, "Reading archive and log…"));
      try {
        const page = (await client.view(view).explain<Explanation>(keys, { events: pageSize, after })).events!;
        events.replaceChildren(...eventNodes(page, after, more));
      } catch (error) {
        events.replaceChildren(h("p", { class: "bad" }, (error as Error).message));
      }
    };
    show(...nodesOf(columns, found), events);
  } catch (error) {
    show(h("p", { class: "bad" }, (error as Error).message));
  }
}

function nodesOf(columns: readonly TableColumn[], { row, shares, meta, batch, speed }: Explanation): Node[] {
  const layers: ViewRow[] = [
    { layer: "answered", ...row },
    { layer: "batch alone", ...shares.batch },
    { layer: "speed alone", ...shares.speed },
  ];
  const fact = (term: string, ...parts: (string | Node)[]) => [h("dt", {}, term), h("dd", {}, ...parts)];
  const files = batch.files.map((file) =>
    h("div", { class: "mono", title: `SHA-256 ${file.sha256}` }, `${file.name}, ${grouped(file.bytes)} bytes`),
  );
  const entries = speed.entries.map((entry) =>
    h("div", { class: "mono" }, `${entry.from} to ${entry.upto}, ${grouped(entry.events)} events`),
  );
  return [
    rowsTable([{ name: "layer", type: "VARCHAR" }, ...columns], layers, {
      caption: "The row as it is answered, and as each layer alone would give it",
    }),
    h(
      "dl",
      {},
      ...fact("exact at", h("span", { class: "mono" }, meta.position)),
      ...fact("batch", `version ${batch.version}, up to `, h("span", { class: "mono" }, batch.upto), ...files),
      ...fact("speed", entries.length === 0 ? "no entry touches it" : `${entries.length} entries touch it`, ...entries),
      ...fact("proved up to", h("span", { class: "mono" }, meta.verifiedUpTo ?? "nothing: the version is unproved")),
      ...fact(
        "left out",
        `${grouped(meta.dead)} dead letters, ${grouped(meta.duplicates)} duplicates; ${grouped(meta.late)} events were too late to be checked for duplicates`,
      ),
    ),
  ];
}

function eventNodes(
  { data, next }: NonNullable<Explanation["events"]>,
  after: number,
  more: (after: number) => Promise<void>,
): Node[] {
  const names = [...new Set(data.flatMap(({ event }) => Object.keys(event)))];
  const columns = [
    { name: "place", type: "VARCHAR" },
    { name: "log time", type: "VARCHAR" },
    ...names.map((name) => ({ name, type: "VARCHAR" })),
  ];
  const rows = data.map(
    ({ stream, partition, offset, time, event }): ViewRow => ({
      ...event,
      place: `${stream}@${partition}:${offset}`,
      "log time": time,
    }),
  );
  const caption =
    data.length === 0
      ? "No more events"
      : `Events ${grouped(after + 1)} to ${grouped(after + data.length)}, in the log's order`;
  return [
    rowsTable(columns, rows, { caption }),
    h(
      "div",
      { class: "row" },
      after > 0 && h("button", { type: "button", onclick: () => void more(Math.max(0, after - pageSize)) }, "Previous"),
      next !== null && h("button", { type: "button", onclick: () => void more(next) }, "Next"),
    ),
  ];
}
