import { TidemarkError } from "../errors.ts";

/**
 * Refuses the configuration: one line that names the place, what is wrong there and what to write instead.
 *
 * @param where file and key path, an environment variable or a file of the project
 */
export function invalid(where: string, problem: string, todo = ""): never {
  throw new TidemarkError("CONFIG_INVALID", `${where}: ${problem}`, todo, { where });
}

/** One object of the configuration file: all its keys are known ones, each value is checked as it is read. */
export class Section {
  readonly #file: string;
  readonly #path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  private constructor(file: string, path: string, values: Readonly<Record<string, unknown>>) {
    this.#file = file;
    this.#path = path;
    this.#values = values;
  }

  /** @param known the keys that are allowed; null: any (they are the user's own names) */
  static of(file: string, path: string, value: unknown, known: readonly string[] | null): Section {
    const where = path === "" ? file : `${file}: ${path}`;
    if (!isObject(value)) invalid(where, `expected an object, got ${show(value)}`);
    const section = new Section(file, path, value);
    for (const key of known === null ? [] : Object.keys(value)) {
      if (!known?.includes(key)) invalid(section.where(key), "unknown key", advice(key, known ?? []));
    }
    return section;
  }

  /** The place of a key, as errors name it. */
  where(key: string): string {
    return `${this.#file}: ${this.#path === "" ? key : `${this.#path}.${key}`}`;
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  keys(): string[] {
    return Object.keys(this.#values).filter((key) => this.has(key));
  }

  text(key: string): string | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (typeof value !== "string") invalid(this.where(key), `expected a string, got ${show(value)}`);
    if (value.trim() === "") invalid(this.where(key), "expected a string that is not empty");
    return value;
  }

  texts(key: string): string[] | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string")) {
      invalid(this.where(key), `expected a list of strings, got ${show(value)}`);
    }
    return value;
  }

  /** A string; undefined: there is none, or something else. */
  textOr(key: string): string | undefined {
    return typeof this.#values[key] === "string" ? this.text(key) : undefined;
  }

  /** A string or a list of them. */
  textOrTexts(key: string): string[] | undefined {
    const one = this.textOr(key);
    return one === undefined ? this.texts(key) : [one];
  }

  /** Whether it is true or false, where it may be something else, too. */
  isFlag(key: string): boolean {
    return typeof this.#values[key] === "boolean";
  }

  flag(key: string): boolean | undefined {
    const value = this.#values[key];
    if (value === undefined || typeof value === "boolean") return value;
    return invalid(this.where(key), `expected true or false, got ${show(value)}`);
  }

  integer(key: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.#values[key];
    return value === undefined ? undefined : checkInteger(this.where(key), value, min, max);
  }

  /** A nested object; absent is the same as empty. */
  section(key: string, known: readonly string[] | null): Section {
    const path = this.#path === "" ? key : `${this.#path}.${key}`;
    return Section.of(this.#file, path, this.has(key) ? this.#values[key] : {}, known);
  }
}

export function checkInteger(where: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return invalid(where, `expected an integer ${range}, got ${show(value)}`);
}

/** A value as an error line shows it: short, and with its type visible. */
function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function advice(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`;
}

/** The known name that differs least, if it could be a slip of the pen. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, edits: edits(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein's distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap));
    }
    row = next;
  }
  return row[b.length]!;
}
