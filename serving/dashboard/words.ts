/** Values as readable text. */

export function grouped(value: number | bigint): string {
  return value.toLocaleString("en-US");
}

/** A number with few digits. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 10_000)
    return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  return new Intl.NumberFormat("en-US", { maximumFractionDigits: size >= 100 ? 0 : 2 }).format(value);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`;
}

/** A cell's text; nested values are JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "object")
    return JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? each.toString() : each));
  return String(value);
}

export function isNumeric(type: string): boolean {
  return /INT|DECIMAL|DOUBLE|FLOAT/.test(type) && !type.endsWith("[]");
}

export function isTime(type: string): boolean {
  return /^(TIMESTAMP|DATE)/.test(type);
}

/** As a number for a chart; null: there is none. */
export function numberOf(value: unknown): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
