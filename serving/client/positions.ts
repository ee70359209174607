/** Positions as a client holds them: text, of which it keeps the furthest that it has seen. */

/** `flights@0:1200,1:1180;sales@0:5` → stream → partition → next offset. */
function parse(position: string): Map<string, Map<number, number>> {
  const streams = new Map<string, Map<number, number>>();
  for (const part of position.split(";").filter((each) => each !== "")) {
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

/** The position that covers both. */
export function furthest(a: string, b: string): string {
  const [left, right] = [parse(a), parse(b)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  const parts = names.map((name) => {
    const [l, r] = [left.get(name), right.get(name)];
    const partitions = [...new Set([...(l?.keys() ?? []), ...(r?.keys() ?? [])])].sort((x, y) => x - y);
    return `${name}@${partitions.map((p) => `${p}:${Math.max(l?.get(p) ?? 0, r?.get(p) ?? 0)}`).join(",")}`;
  });
  return parts.join(";");
}
