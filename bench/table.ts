import type { Figure } from "./part.ts";

const headings = ["name", "median", "spread", "ratio", "goal", ""] as const;

export function tableText(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, median, spread, ratio, goal }) => [
    name,
    median,
    spread,
    ratio?.toFixed(2) ?? "",
    goal?.text ?? "",
    goal ? (goal.reached ? "reached" : "NOT reached") : "",
  ]);
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  return `${[line(headings), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n")}\n`;
}
