/** Escapes of text without quotes, as PostgreSQL's COPY, MySQL's OUTFILE and ClickHouse's TSV write them. */

const letters: Readonly<Record<string, string>> = {
  0: "\0",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Resolves escapes: `\t` is a tab, any other escaped character is itself. A lone `\N` stays, since it means NULL. */
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
