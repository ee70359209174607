import { type ReadUpcast, readUpcast } from "../decode/upcast.ts";
import { Duck, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";

/** A field's type in DuckDB's own spelling, or why it cannot be one. */
export type TypeVerdict = { readonly type: string } | { readonly problem: string; readonly todo: string };

const supported = new Set(
  (
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE DECIMAL " +
    "VARCHAR BLOB DATE TIME TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS UUID JSON"
  ).split(" "),
).add("TIMESTAMP WITH TIME ZONE");

const instead: Readonly<Record<string, string>> = {
  ENUM: "use VARCHAR",
  INTERVAL: "use BIGINT and say the unit in the name, such as delay_ms",
  BIT: "use BLOB, or VARCHAR of zeros and ones",
  UNION: "use JSON, or one nullable field per case",
  MAP: "use JSON, or STRUCT(k VARCHAR, v BIGINT)[]",
  VARIANT: "use JSON",
  GEOMETRY: "use two DOUBLE fields, or BLOB with WKB",
  BIGNUM: "use DECIMAL(38,0), or VARCHAR",
  TIME_NS: "use TIME",
  "TIME WITH TIME ZONE": "use TIME, or TIMESTAMP WITH TIME ZONE",
  ARRAY: "use a list, such as DOUBLE[]",
};

const examples = "use a DuckDB type such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,3), TIMESTAMP, VARCHAR[] or JSON";

/** Checks field types with DuckDB itself. Close it after use. */
export class FieldTypes {
  readonly #duck: Duck;
  readonly #session: Session;

  private constructor(duck: Duck, session: Session) {
    this.#duck = duck;
    this.#session = session;
  }

  static async open(): Promise<FieldTypes> {
    const duck = await Duck.open({ threads: 1 });
    return new FieldTypes(duck, await duck.session());
  }

  async check(text: string): Promise<TypeVerdict> {
    // An ENUM's labels are the only place for a string literal in a type; without them no literal needs to be
    // let through.
    if (/\benum\s*\(\s*'/i.test(text)) return refusal("ENUM");
    if (!isTypeLike(text)) return { problem: `${JSON.stringify(text)} is not a type`, todo: examples };
    let type: string;
    try {
      type = String(await this.#session.value(`SELECT typeof(CAST(NULL AS ${text}))`));
    } catch (error) {
      const reason = messageOf(error).replace(/^[A-Za-z ]+ Error: /, "");
      const sentence = /^(.*?)(!|\.? (Did you mean|LINE \d)|$)/.exec(reason)?.[1] ?? reason;
      return { problem: `${JSON.stringify(text)} is not a type: ${sentence}`, todo: examples };
    }
    const refused = firstUnsupported(tokensOf(type) ?? [type]);
    return refused === null ? { type } : refusal(refused);
  }

  /** True for the SQL text of a number, text or truth value that is one of the type. */
  async isLiteral(text: string, type: string): Promise<boolean> {
    if (!/^(-?\d+(\.\d+)?([eE][-+]?\d+)?|'([^']|'')*'|true|false)$/i.test(text)) return false;
    return this.#session.value(`SELECT CAST(${text} AS ${type}) IS NOT NULL`).then(
      (is) => is === true,
      () => false,
    );
  }

  /** See `readUpcast`. */
  readUpcast(text: string): Promise<ReadUpcast> {
    return readUpcast(this.#session, text);
  }

  close(): void {
    this.#session.close();
    this.#duck.close();
  }
}

function refusal(name: string): TypeVerdict {
  return { problem: `a field cannot be of type ${name}`, todo: instead[name] ?? examples };
}

const token = /\s*([A-Za-z_][A-Za-z0-9_]*|\d+|"(?:[^"]|"")+"|[()[\],])\s*/y;

/** The words, numbers, quoted names and brackets of a type; null if it holds anything else. */
function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (match === null) return null;
    tokens.push(match[1]!);
  }
  return tokens;
}

/**
 * True when a text put into `CAST(NULL AS …)` stays inside its brackets: no literal, operator, comment or early
 * `)`.
 */
function isTypeLike(text: string): boolean {
  const tokens = tokensOf(text);
  if (tokens === null || tokens.length === 0) return false;
  let depth = 0;
  for (const each of tokens) {
    if (each === "(") depth++;
    if (each === ")" && --depth < 0) return false;
  }
  return depth === 0;
}

/** The first type in a canonical one, however deep, that a field cannot have. */
function firstUnsupported(tokens: readonly string[]): string | null {
  let at = 0;
  return type();

  function type(): string | null {
    let name = tokens[at++] ?? "";
    while (/^(WITH|TIME|ZONE)$/.test(tokens[at] ?? "")) name += ` ${tokens[at++]}`;
    if (name === "STRUCT") {
      do {
        at += 2; // the bracket or comma, and the entry's name
        const refused = type();
        if (refused !== null) return refused;
      } while (tokens[at] === ",");
      at++;
    } else if (!supported.has(name)) {
      return name.replaceAll('"', "");
    } else if (tokens[at] === "(") {
      while (tokens[at++] !== ")");
    }
    while (tokens[at] === "[") {
      if (tokens[at + 1] !== "]") return "ARRAY";
      at += 2;
    }
    return null;
  }
}
