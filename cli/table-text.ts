/** Rows as text in columns, for a person. */

/** Aligns numbers right and everything else left; null is empty. */
export function tableText(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const names = rows[0] ? Object.keys(rows[0]) : [];
  return columnsText(
    names,
    rows.map((row) => names.map((name) => (row[name] === null || row[name] === undefined ? "" : String(row[name])))),
    names.map((name) => rows.every((row) => typeof row[name] === "number" || typeof row[name] === "bigint")),
  );
}

export function columnsText(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly boolean[],
): string {
  if (names.length === 0) return "";
  const clean = rows.map((row) =>
    row.map((text) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r")),
  );
  const widths = names.map((name, i) => clean.reduce((width, row) => Math.max(width, row[i]!.length), name.length));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, i) => (right[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return `${[line(names), widths.map((width) => "─".repeat(width)).join("  "), ...clean.map(line)].join("\n")}\n`;
}
