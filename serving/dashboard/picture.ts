/** The architecture with live numbers: what reads what, and how far each layer is. */
import type { Status } from "./api.ts";
import { h, svg } from "./dom.ts";
import { line } from "./time-line.ts";
import { duration, grouped, shortNumber } from "./words.ts";

export function picture(status: Status, perSecond: number | null): Node[] {
  const { batch, speed } = status.events;
  const rate = perSecond === null ? "…" : `${shortNumber(perSecond)} events/s`;
  const box = (x: number, y: number, title: string, lines: readonly string[], kind = "") =>
    svg(
      "g",
      {},
      svg("rect", { class: "box", x, y, width: 170, height: 74, rx: 8 }),
      kind !== "" && svg("rect", { class: `is-${kind}`, x, y, width: 6, height: 74, rx: 3 }),
      svg("text", { x: x + 16, y: y + 22, "font-weight": 600 }, title),
      ...lines.map((line, i) => svg("text", { class: "soft n", x: x + 16, y: y + 42 + i * 18 }, line)),
    );
  const wire = (path: string) => svg("path", { class: "wire", d: path, "marker-end": "url(#arrow)" });
  const behind = status.streams.reduce((sum, stream) => sum + (stream.behind ?? 0), 0);
  const age = Date.now() - Date.parse(status.createdAt);
  const label = `Events go from producers at ${rate} into the log; batch has ${grouped(batch)} of them in version ${status.version}, speed ${grouped(speed)}; answers are ${status.lagMs === null ? "of unknown age" : `${duration(status.lagMs)} behind`}`;
  const drawing = svg(
    "svg",
    { viewBox: "0 0 860 196", role: "img", "aria-label": label },
    svg(
      "defs",
      {},
      svg(
        "marker",
        { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
        svg("path", { d: "M0 0l8 4-8 4z", class: "is-behind" }),
      ),
    ),
    wire("M170 98H208"),
    wire("M380 86C410 86 400 48 438 48"),
    wire("M380 110C410 110 400 150 438 150"),
    wire("M610 48C650 48 640 86 678 86"),
    wire("M610 150C650 150 640 110 678 110"),
    box(0, 61, "Producers", ["HTTP, CLI, Kafka", rate]),
    box(210, 61, "Log", [`${grouped(batch + speed)} events`, `${grouped(status.dead)} dead letters`]),
    box(
      440,
      11,
      `Batch, version ${status.version}`,
      [`${grouped(batch)} events`, `cut ${duration(Math.max(0, age))} ago`],
      "batch",
    ),
    box(440, 113, "Speed", [`${grouped(speed)} events`, `${grouped(behind)} records behind`], "speed"),
    box(680, 61, "Serving", [
      "batch ⊕ speed, exact",
      status.lagMs === null ? "lag unknown" : `${duration(status.lagMs)} behind the log`,
    ]),
  );
  return [
    h("div", { class: "picture", tabindex: 0, role: "region", "aria-label": "the pipeline" }, drawing),
    timeLine(status, behind),
  ];
}

/** A bar from the first event to the log's end: what batch covers, what speed covers, and what is not covered yet. */
function timeLine({ events: { batch, speed }, verifiedUpTo }: Status, behind: number): Node {
  const { bar, percents } = line({ batch, speed, behind }, "Of all events");
  return h(
    "div",
    {},
    bar,
    h(
      "p",
      { class: "soft key" },
      "From the first event to the log's end:",
      h("i", { class: "is-batch" }),
      `batch ${percents.batch}`,
      h("i", { class: "is-speed" }),
      `speed ${percents.speed}`,
      h("i", { class: "is-behind" }),
      `not yet ${percents.behind}. `,
      verifiedUpTo === null
        ? "The cut between them is not proved."
        : "The cut between them is proved: there, speed's delta equaled what the archive gives.",
    ),
  );
}
