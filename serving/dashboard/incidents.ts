/** Open incidents, one per line: what they affect, since when, and what to do. */
import type { IncidentStatus, Status } from "./api.ts";
import { h } from "./dom.ts";
import { duration } from "./words.ts";

/** Null where there are none. */
export function incidentsTable({ incidents }: Pick<Status, "incidents">): Node | null {
  if (incidents.length === 0) return null;
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "table of incidents" },
    h(
      "table",
      {},
      h("caption", { class: "bad" }, incidents.length === 1 ? "1 incident" : `${incidents.length} incidents`),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["incident", "of", "since", "reported by", "what"].map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h("tbody", {}, ...incidents.map(row)),
    ),
  );
}

function row({ kind, role, since, code, message, views = [], streams = [] }: IncidentStatus): Node {
  const of = [...streams.map((name) => `stream ${name}`), ...views.map((name) => `view ${name}`)];
  const ago = `${duration(Math.max(0, Date.now() - Date.parse(since)))} ago`;
  return h(
    "tr",
    {},
    h("th", { scope: "row", class: "bad" }, kind),
    h("td", { class: "wrap" }, of.join(", ")),
    h("td", {}, h("time", { datetime: since, title: since }, ago)),
    h("td", {}, role),
    h("td", { class: "wrap" }, message ?? code),
  );
}
