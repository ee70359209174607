/** What make cases, make faults and make mutate run whole, and make test a share of, each time another one. */

export const isFull = process.env.FULL === "1";

/** One time in n; always in the full lanes. */
export function oneIn(n: number): boolean {
  return isFull || Math.random() * n < 1;
}

/** `few` of them, in their order; all in the full lanes. */
export function someOf<T>(all: readonly T[], few: number): readonly T[] {
  if (isFull) return all;
  const drawn = new Set(
    all
      .map((_, i) => ({ i, by: Math.random() }))
      .sort((a, b) => a.by - b.by)
      .slice(0, few)
      .map(({ i }) => i),
  );
  return all.filter((_, i) => drawn.has(i));
}
