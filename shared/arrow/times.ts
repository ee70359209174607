/** Arrow's times as texts, to the last digit. */

/** By TimeUnit. */
export const perSecond = [1n, 1_000n, 1_000_000n, 1_000_000_000n] as const;

const dayMs = 86_400_000;

/** @throws RangeError beyond the year 275760 */
export function dayText(days: number): string {
  return new Date(days * dayMs).toISOString().split("T")[0]!;
}

export function clockText(value: bigint, unit: bigint): string {
  const seconds = Number(value / unit);
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${fraction(value % unit, unit)}`;
}

/** @throws RangeError beyond the year 275760 */
export function instantText(value: bigint, unit: bigint): string {
  const seconds = value >= 0n ? value / unit : -((-value + unit - 1n) / unit);
  const [day, clock] = new Date(Number(seconds) * 1000).toISOString().split("T") as [string, string];
  return `${day} ${clock.slice(0, 8)}${fraction(value - seconds * unit, unit)}`;
}

function fraction(rest: bigint, unit: bigint): string {
  return rest === 0n ? "" : `.${rest.toString().padStart(String(unit).length - 1, "0")}`;
}
