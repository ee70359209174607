/** A name as DuckDB compares it: only ASCII's letters are the same in both cases. */
export function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
