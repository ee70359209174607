const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const unitOf: Readonly<Record<string, string>> = {
  millisecond: "ms",
  sec: "s",
  second: "s",
  min: "m",
  minute: "m",
  hour: "h",
  day: "d",
  week: "w",
};

/**
 * Milliseconds of a duration such as "7 days", "90s" or "1 hour 30 minutes"; null if the text is not one, or
 * not above zero. Months and years are none: they have no fixed length.
 */
export function parseDuration(text: string): number | null {
  if (!/^\s*(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text)) return null;
  let total = 0;
  for (const [, amount, word] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    const name = word!.toLowerCase();
    const ms = unitMs[name] ?? unitMs[unitOf[name.replace(/s$/, "")] ?? ""];
    if (ms === undefined) return null;
    total += Number(amount) * ms;
  }
  const rounded = Math.round(total);
  return rounded > 0 && Number.isSafeInteger(rounded) ? rounded : null;
}
