/** The streams and the versions as tables. */
import type { Status } from "./api.ts";
import { h } from "./dom.ts";
import { line } from "./time-line.ts";
import { duration, grouped, shortNumber } from "./words.ts";

/** @param perSecond records that are appended to a stream; null: not known yet */
export function streamsTable(
  { streams, dead, duplicates, late }: Status,
  perSecond: (stream: string) => number | null,
): Node {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "table of streams" },
    h(
      "table",
      {},
      h(
        "caption",
        {},
        `Streams. Below the position: ${grouped(dead)} dead letters, ${grouped(duplicates)} duplicates suppressed, ${grouped(late)} events too late to be checked for duplicates.`,
      ),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["stream", "topic"].map((name) => h("th", { scope: "col" }, name)),
          h("th", { scope: "col", class: "n" }, "partitions"),
          h("th", { scope: "col", class: "n" }, "records/s in"),
          h("th", { scope: "col", class: "n" }, "records behind"),
          h("th", { scope: "col" }, "batch, speed, not yet"),
          h("th", { scope: "col" }, "answered up to"),
        ),
      ),
      h(
        "tbody",
        {},
        ...streams.map((stream) => {
          const rate = perSecond(stream.name);
          return h(
            "tr",
            {},
            h("th", { scope: "row" }, stream.name, stream.stopped && h("b", { class: "bad" }, " stopped")),
            h("td", {}, stream.topic),
            h("td", { class: "n" }, stream.partitions),
            h("td", { class: "n" }, rate === null ? "…" : shortNumber(rate)),
            h("td", { class: "n" }, stream.behind === null ? "unknown" : grouped(stream.behind)),
            h("td", {}, line({ ...stream.records, behind: stream.behind ?? 0 }, `Of ${stream.name}`).bar),
            h("td", { class: "mono" }, stream.position),
          );
        }),
      ),
    ),
  );
}

export function versionsTable({ versions, version: served }: Status): Node {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "table of versions" },
    h(
      "table",
      {},
      h(
        "caption",
        {},
        "Each version is derived from the archive, and proved: at its cut it must equal what the version before it and its delta answered.",
      ),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["version", "created", "cause", "hand-over"].map((name) => h("th", { scope: "col" }, name)),
          h("th", { scope: "col", class: "n" }, "events"),
          h("th", { scope: "col" }, "cut"),
        ),
      ),
      h(
        "tbody",
        {},
        ...versions
          .toReversed()
          .map(({ number, createdAt, cause, events, cut, proof }) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, number === served ? `${number}, served` : number),
              h(
                "td",
                {},
                h(
                  "time",
                  { datetime: createdAt, title: createdAt },
                  `${duration(Math.max(0, Date.now() - Date.parse(createdAt)))} ago`,
                ),
              ),
              h("td", {}, cause),
              h(
                "td",
                {},
                h("span", { class: proof.state === "proved" ? "good" : "soft" }, proof.state),
                ` ${proof.state === "proved" ? `${proof.views} views, against ${proof.by}` : proof.by}`,
              ),
              h("td", { class: "n" }, grouped(events)),
              h("td", { class: "mono" }, cut),
            ),
          ),
      ),
    ),
  );
}
