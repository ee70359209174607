/** A measure over a key, as bars, with the shares of batch and speed in two colours. */
import { svg } from "./dom.ts";
import { shortNumber } from "./words.ts";

export interface Bar {
  readonly label: string;
  readonly batch: number | null;
  readonly speed: number | null;
  readonly total: number | null;
}

/** A lower bound: on a phone, a scaled-down chart would have unreadable text. */
const widthMin = 340;
const height = 260;
const margin = { top: 10, right: 8, bottom: 46, left: 58 };

/**
 * Counts and sums are stacked from their layers' shares; an average is not a sum of shares, so each
 * layer's own value is a mark.
 */
function isSum(bars: readonly Bar[]): boolean {
  return bars.every(({ batch, speed, total }) => {
    const sum = (batch ?? 0) + (speed ?? 0);
    return Math.abs(sum - (total ?? 0)) <= 1e-9 * Math.max(1, Math.abs(sum)) && (batch ?? 0) >= 0 && (speed ?? 0) >= 0;
  });
}

export interface ChartOptions {
  readonly measure: string;
  readonly key: string;
  /** The available width, CSS pixels. */
  readonly room: number;
  /** Called when a bar is clicked. */
  readonly pick: (bar: Bar) => void;
}

export function chart(bars: readonly Bar[], { measure, key, room, pick }: ChartOptions): SVGSVGElement {
  const width = Math.max(widthMin, room);
  const stacked = isSum(bars);
  const values = bars.flatMap(({ total, batch, speed }) =>
    stacked ? [total ?? 0] : [total, batch, speed].filter((each) => each !== null),
  );
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const ticks = ticksOf(low, high);
  const [bottom, top] = [Math.min(low, ticks[0]!), Math.max(high, ticks.at(-1)!)];
  const inner = { w: width - margin.left - margin.right, h: height - margin.top - margin.bottom };
  const y = (value: number) => margin.top + inner.h * (1 - (value - bottom) / (top - bottom || 1));
  const step = inner.w / Math.max(1, bars.length);
  const thick = Math.max(1, Math.min(46, step * 0.8));
  const every = Math.ceil(bars.length / Math.floor(inner.w / 74));
  const rect = (x: number, from: number, upto: number, kind: string) =>
    svg("rect", {
      class: `is-${kind}`,
      x,
      width: thick,
      y: Math.min(y(from), y(upto)),
      height: Math.abs(y(from) - y(upto)),
    });
  const marks = bars.map((bar, i) => {
    const x = margin.left + i * step + (step - thick) / 2;
    const { batch, speed, total } = bar;
    const said = `${bar.label}: ${measure} ${total === null ? "none" : shortNumber(total)}, batch ${batch === null ? "none" : shortNumber(batch)}, speed ${speed === null ? "none" : shortNumber(speed)}`;
    const line = (value: number | null, kind: string) =>
      value !== null && svg("line", { class: `mark of-${kind}`, x1: x, x2: x + thick, y1: y(value), y2: y(value) });
    const drawn = stacked
      ? [rect(x, 0, batch ?? 0, "batch"), rect(x, batch ?? 0, (batch ?? 0) + (speed ?? 0), "speed")]
      : [rect(x, 0, total ?? 0, "behind"), line(batch, "batch"), line(speed, "speed")];
    const open = (event: Event) => {
      event.preventDefault();
      pick(bar);
    };
    return svg("a", { href: "#views", "aria-label": said, onclick: open }, svg("title", {}, said), ...drawn);
  });
  const labels = bars.flatMap((bar, i) => {
    if (i % every !== 0) return [];
    const text = cut(bar.label, every === 1 ? Math.floor(step / 7) : 12);
    const x = margin.left + i * step + step / 2;
    const y = height - margin.bottom + 16;
    // each bar has a label for screen readers already
    return [svg("text", { class: "soft", x, y, "text-anchor": "middle", "aria-hidden": "true" }, text)];
  });
  const about = `${measure} by ${key}, ${bars.length} bars; ${stacked ? "each is batch's share and speed's share" : "with each layer's own value as a mark"}. The table below has the numbers.`;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": about },
    ...ticks.flatMap((tick) => [
      svg("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "soft n", x: margin.left - 8, y: y(tick) + 4, "text-anchor": "end" }, shortNumber(tick)),
    ]),
    ...marks,
    ...labels,
    svg("text", { class: "soft", x: margin.left + inner.w / 2, y: height - 8, "text-anchor": "middle" }, key),
  );
}

function cut(text: string, length: number): string {
  return text.length <= Math.max(3, length) ? text : `${text.slice(0, Math.max(2, length - 1))}…`;
}

/** Round values, four or so of them. */
function ticksOf(low: number, high: number): number[] {
  const span = high - low || 1;
  const rough = span / 4;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((each) => size * each >= rough) ?? 10);
  const first = Math.floor(low / step);
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
