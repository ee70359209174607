/** Which character divides the cells of a file: its name says so, or its first line. */

const byName: Readonly<Record<string, string>> = { tsv: "\t", tab: "\t", psv: "|" };
const known = [",", ";", "\t", "|"];

/**
 * @param file its name; .gz is passed over
 * @param header its first line
 * @returns of what may divide a .csv, that which is most often outside of quotes; the comma where none is
 */
export function delimiterOf(file: string, header: string): string {
  const ending = /\.(\w+?)(?:\.gz)?$/.exec(file.toLowerCase())?.[1] ?? "";
  const named = byName[ending];
  if (named) return named;
  const bare = header.replaceAll(/"(?:[^"]|"")*"/g, "");
  const counts = known.map((each) => bare.split(each).length - 1);
  const most = Math.max(...counts);
  return known[counts.indexOf(most)]!;
}
