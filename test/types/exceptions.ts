/** What is not the same everywhere, by the names that docs/types.md has for it; each is held by a test. */
export const exceptions = [
  "39 digits",
  "infinity",
  "UNION",
  "no whole text",
  "JSON null",
  "one zero",
  "mended JSON",
  "JavaScript",
  "offsets of old",
] as const;

export type Exception = (typeof exceptions)[number];

/** The columns of the table that an exception is of: a test that leaves them out says which. */
const columnsOf: Readonly<Partial<Record<Exception, readonly string[]>>> = {
  "39 digits": ["huge"],
  UNION: ["union"],
  "JSON null": ["json"],
  "one zero": ["f32", "f64", "floats"],
  "mended JSON": ["loose"],
  JavaScript: ["json"],
};

export function isExcepted(exception: Exception, column: string): boolean {
  return columnsOf[exception]?.includes(column) ?? false;
}
