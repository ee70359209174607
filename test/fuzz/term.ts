/** SQL expressions as trees, so that a failing one can be made simpler without knowing what it means. */

/** The role of a term: a kind of value, or a part of a SELECT. Terms of a role can replace each other. */
export interface Term {
  readonly role: string;
  readonly parts: readonly (string | Term)[];
  /**
   * Of an aggregate of doubles: SQL of what its rounding may be a share of, from texts and the parts of these
   * numbers.
   */
  readonly scale?: readonly (string | number)[];
}

export type Parts = readonly (string | Term)[];

/** Template of a term's parts. */
export function sql(texts: TemplateStringsArray, ...values: readonly (string | number | Term)[]): Parts {
  return texts.flatMap((text, at) => {
    const value = values[at];
    if (value === undefined) return [text];
    return [text, typeof value === "number" ? String(value) : value];
  });
}

export function term(role: string, parts: Parts, scale?: Term["scale"]): Term {
  return scale ? { role, parts, scale } : { role, parts };
}

export function textOf({ parts }: Term): string {
  return parts.map((part) => (typeof part === "string" ? part : textOf(part))).join("");
}

/** SQL of what a term's rounding may be a share of, or null where it is exact. */
export function scaleOf(of: Term): string | null {
  if (!of.scale) return null;
  const part = (at: number) => {
    const found = of.parts[at]!;
    return typeof found === "string" ? found : textOf(found);
  };
  return of.scale.map((each) => (typeof each === "string" ? each : part(each))).join("");
}

/** The simplest term of each role. */
const least: Readonly<Record<string, string>> = {
  int: "n",
  small: "n",
  huge: "hu",
  uhuge: "uh",
  dec: "d",
  num: "f",
  real: "x",
  text: "g",
  bool: "b",
  ts: "ts",
  tsx: "ts_s",
  tz: "tz",
  day: "day",
  tod: "tod",
  list: "l",
  struct: "st",
  json: "j",
  uuid: "id",
  blob: "raw",
  filter: "",
  distinct: "",
};

/** A term inside can replace the whole when it has its role; an aggregate can replace what is around it. */
function* standIns(whole: Term, inside: Term): Generator<Term> {
  for (const part of inside.parts) {
    if (typeof part === "string") continue;
    if (part.role === whole.role || (whole.role === "item" && part.role === "aggregate")) yield part;
    yield* standIns(whole, part);
  }
}

/** Terms that say less in the same place, the boldest first. */
export function* simpler(of: Term): Generator<Term> {
  const short = least[of.role];
  if (short !== undefined && textOf(of) !== short) yield term(of.role, [short]);
  yield* standIns(of, of);
  for (const [at, part] of of.parts.entries()) {
    if (typeof part === "string") continue;
    for (const each of simpler(part)) yield { ...of, parts: of.parts.with(at, each) };
  }
}
