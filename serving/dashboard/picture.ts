/** The architecture with live numbers: who reads what, and how far each has come. */
import type { Status } from "./api.ts";
import { h, share, svg } from "./dom.ts";
import { duration, grouped, short } from "./words.ts";

/** Events a second that came in, by looks at the status. */
export class Rate {
  #seen: { readonly at: number; readonly events: number }[] = [];

  note(at: number, events: number): void {
    // a version that is made anew may count otherwise
    if ((this.#seen.at(-1)?.events ?? 0) > events) this.#seen = [];
    this.#seen.push({ at, events });
    this.#seen = this.#seen.filter((each) => at - each.at <= 10_000);
  }

  get perSecond(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (!first || !last || last.at - first.at < 900) return null;
    return ((last.events - first.events) * 1000) / (last.at - first.at);
  }
}

export function picture(status: Status, perSecond: number | null): Node[] {
  const { batch, speed } = status.events;
  const rate = perSecond === null ? "…" : `${short(perSecond)} events/s`;
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

/** One line from the first event to the log's end: what batch covers, what speed, and what nobody has yet. */
function timeLine({ events: { batch, speed }, verifiedUpTo }: Status, behind: number): Node {
  const all = Math.max(1, batch + speed + behind);
  const percent = (value: number) => `${((100 * value) / all).toFixed(value > 0 && value / all < 0.001 ? 3 : 1)} %`;
  return h(
    "div",
    {},
    share(
      [
        { name: "batch", value: batch },
        { name: "speed", value: speed },
        { name: "behind", value: behind },
      ],
      `Of all events batch covers ${percent(batch)}, speed ${percent(speed)}, ${percent(behind)} are not answered yet`,
    ),
    h(
      "p",
      { class: "soft key" },
      "From the first event to the log's end:",
      h("i", { class: "is-batch" }),
      `batch ${percent(batch)}`,
      h("i", { class: "is-speed" }),
      `speed ${percent(speed)}`,
      h("i", { class: "is-behind" }),
      `not yet ${percent(behind)}. `,
      verifiedUpTo === null
        ? "The cut between them is not proved."
        : "The cut between them is proved: what speed told there was what the archive gives.",
    ),
  );
}
