/** Escapes of a text that has no quotes, as COPY of PostgreSQL, OUTFILE of MySQL and TSV of ClickHouse write them. */

const letters: Readonly<Record<string, string>> = {
  0: "\0",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Without its escapes: `\t` is a tab, and any other character behind one stands for itself. `\N` alone stays, since it is no text there. */
export function withoutEscapes(cell: string, mark: string): string {
  if (cell === `${mark}N`) return cell;
  let text = "";
  let from = 0;
  for (let at = cell.indexOf(mark); at >= 0 && at + 1 < cell.length; at = cell.indexOf(mark, at + 2)) {
    const next = cell[at + 1]!;
    text += cell.slice(from, at) + ((mark === "\\" && letters[next]) || next);
    from = at + 2;
  }
  return text + cell.slice(from);
}
