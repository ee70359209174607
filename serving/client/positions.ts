/**
 * Positions as a client holds them: texts, of which it keeps the furthest that it has seen. A server
 * replaces long ones by short texts (`~…`), which only a server can compare: a client keeps all of
 * those until an answer covers them.
 */

/** `flights@0:1200,1:1180;sales@0:5` → stream → partition → next offset. */
function parse(parts: readonly string[]): Map<string, Map<number, number>> {
  const streams = new Map<string, Map<number, number>>();
  for (const part of parts) {
    const at = part.lastIndexOf("@");
    const own = new Map<number, number>();
    for (const place of part.slice(at + 1).split(",")) {
      const [partition, offset] = place.split(":").map(Number);
      if (partition !== undefined && offset !== undefined) own.set(partition, offset);
    }
    streams.set(part.slice(0, at), own);
  }
  return streams;
}

const partsOf = (position: string) => position.split(";").filter((part) => part !== "");
const isShort = (part: string) => part.startsWith("~");

/** The position that covers both. */
export function furthest(a: string, b: string): string {
  const long = [a, b].map((position) => parse(partsOf(position).filter((part) => !isShort(part))));
  const [left, right] = long as [ReturnType<typeof parse>, ReturnType<typeof parse>];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  const parts = names.map((name) => {
    const [l, r] = [left.get(name), right.get(name)];
    const partitions = [...new Set([...(l?.keys() ?? []), ...(r?.keys() ?? [])])].sort((x, y) => x - y);
    return `${name}@${partitions.map((p) => `${p}:${Math.max(l?.get(p) ?? 0, r?.get(p) ?? 0)}`).join(",")}`;
  });
  return [...parts, ...new Set([...partsOf(a), ...partsOf(b)].filter(isShort))].join(";");
}

/** What is left of `position` where an answer covers `covered`. */
export function without(position: string, covered: string): string {
  if (position === covered) return "";
  const gone = new Set(partsOf(covered));
  return partsOf(position)
    .filter((part) => !gone.has(part))
    .join(";");
}
