/** The stream of random views: a field of every type a stream can have, by the kind that expressions know it as. */
import { stream } from "../support/view-case.ts";

export type Kind =
  | "int"
  | "small"
  | "huge"
  | "uhuge"
  | "dec"
  | "num"
  | "real"
  | "text"
  | "bool"
  | "ts"
  | "tsx"
  | "tz"
  | "day"
  | "tod"
  | "list"
  | "struct"
  | "json"
  | "uuid"
  | "blob";

/**
 * `seq` alone is required. Sums of `num` are exact in any order (halves, quarters and eighths); those of `real`
 * are not.
 */
const fields: Readonly<Record<string, readonly [type: string, kind: Kind]>> = {
  g: ["VARCHAR", "text"],
  h: ["VARCHAR", "text"],
  i: ["BIGINT", "int"],
  n: ["INTEGER", "int"],
  s: ["SMALLINT", "int"],
  i1: ["TINYINT", "int"],
  u1: ["UTINYINT", "int"],
  u2: ["USMALLINT", "int"],
  u4: ["UINTEGER", "int"],
  u: ["UBIGINT", "int"],
  hu: ["HUGEINT", "huge"],
  uh: ["UHUGEINT", "uhuge"],
  d: ["DECIMAL(18,3)", "dec"],
  dd: ["DECIMAL(4,1)", "dec"],
  w: ["DECIMAL(30,10)", "dec"],
  f: ["DOUBLE", "num"],
  r: ["FLOAT", "num"],
  x: ["DOUBLE", "real"],
  xf: ["FLOAT", "real"],
  b: ["BOOLEAN", "bool"],
  ts: ["TIMESTAMP", "ts"],
  ts_s: ["TIMESTAMP_S", "tsx"],
  ts_ms: ["TIMESTAMP_MS", "tsx"],
  ts_ns: ["TIMESTAMP_NS", "tsx"],
  tz: ["TIMESTAMP WITH TIME ZONE", "tz"],
  day: ["DATE", "day"],
  tod: ["TIME", "tod"],
  l: ["BIGINT[]", "list"],
  lt: ["VARCHAR[]", "list"],
  st: ["STRUCT(a BIGINT, b VARCHAR)", "struct"],
  j: ["JSON", "json"],
  id: ["UUID", "uuid"],
  raw: ["BLOB", "blob"],
  "a b": ["BIGINT", "int"],
  Ünï: ["VARCHAR", "text"],
  seq: ["BIGINT", "int"],
};

export const randomStream = stream(
  "events",
  Object.fromEntries(Object.entries(fields).map(([name, [type]]) => [name, name === "seq" ? type : `${type}?`])),
);

/** A field as an expression names it; `feature` is its type. */
export interface FieldUse {
  readonly sql: string;
  readonly kind: Kind;
  readonly feature: string;
}

const named = Object.entries(fields).map(([name, [feature, kind]]): FieldUse => {
  return { sql: /^[a-z]\w*$/.test(name) ? name : `"${name}"`, kind, feature };
});

const quoted = "quoted name";
const inStruct = "field of a STRUCT";

/** What an expression of a kind may end in. */
export const fieldUses: readonly FieldUse[] = [
  ...named.map((each) => (each.sql.startsWith('"') ? { ...each, feature: quoted } : each)),
  { sql: "st.a", kind: "int", feature: inStruct },
  { sql: "st.b", kind: "text", feature: inStruct },
  { sql: "n", kind: "small", feature: "INTEGER" },
  { sql: '"a b"', kind: "small", feature: quoted },
];

export const typeFeatures: readonly string[] = [...new Set(fieldUses.map((each) => each.feature))];
