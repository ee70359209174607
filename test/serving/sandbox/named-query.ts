/**
 * Random queries in which few names mean many things: queries of WITH in and around each other, recursive ones,
 * and tables behind them all.
 */

export interface Choices {
  int(below: number): number;
  chance(p: number): boolean;
}

/** Tables there are; queries of WITH are called alike. */
export const tables = ["a", "b", "c"] as const;
/** Values stay this short, so that whatever recurs comes to an end. */
const lengthMax = 7;

export class NamedQueries {
  readonly #choices: Choices;
  #queries = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /** A query with one column, v. */
  query(depth = 3): string {
    const { int, chance } = this.#bound;
    if (depth === 0 || chance(0.1)) return this.#leaf();
    const inner = () => this.query(depth - 1);
    switch (int(9)) {
      case 0:
      case 1:
      case 2:
        return this.#with(depth);
      case 3:
        return `${this.#side(depth)} UNION ALL ${this.#side(depth)}`;
      case 4:
        return `SELECT q.v FROM (${inner()}) q`;
      case 5:
        return `SELECT ${this.#short(`s.v || coalesce((SELECT max(q.v) FROM (${inner()}) q), '')`)} AS v FROM ${this.#name()} s`;
      case 6:
        return `SELECT ${this.#short("s.v || l.v")} AS v FROM ${this.#name()} s, LATERAL (${inner()}) l`;
      case 7:
        return `SELECT s.v FROM ${this.#name()} s WHERE EXISTS (${inner()}) OR s.v IN (${inner()})`;
      default:
        return `SELECT v FROM (SELECT s.v FROM ${this.#name()} s ORDER BY (SELECT max(q.v) FROM (${inner()}) q) LIMIT 5)`;
    }
  }

  get #bound(): Choices {
    const choices = this.#choices;
    return { int: (below) => choices.int(below), chance: (p) => choices.chance(p) };
  }

  #leaf(): string {
    const name = this.#name();
    return this.#choices.chance(0.2)
      ? `SELECT 'q${this.#queries++}' AS v`
      : `SELECT ${this.#short("v")} AS v FROM ${name}`;
  }

  /** A side of a UNION. */
  #side(depth: number): string {
    return `(SELECT v FROM (${this.query(depth - 1)}) q)`;
  }

  #with(depth: number): string {
    const { int, chance } = this.#bound;
    const recursive = chance(0.5);
    const free = [...tables].sort(() => int(2) - 0.5);
    const queries = free.slice(0, 1 + int(2)).map((name) => {
      const kept = ["", "", " MATERIALIZED", " NOT MATERIALIZED"][int(4)];
      if (!recursive || chance(0.3))
        return `${this.#spelt(name)}${chance(0.3) ? "(v)" : ""} AS${kept} (${this.query(depth - 1)})`;
      const key = chance(0.15) ? " USING KEY (v)" : "";
      const before = chance(0.3) ? `WITH ${this.#spelt(free.at(-1)!)} AS (${this.query(Math.max(depth - 2, 0))}) ` : "";
      const more = chance(0.4) ? ` || coalesce((SELECT max(q.v) FROM (${this.query(depth - 1)}) q), '')` : "";
      const again = `SELECT ${this.#short(`r.v || '+'${more}`)} AS v FROM ${this.#spelt(chance(0.8) ? name : tables[int(3)]!)} r WHERE length(r.v) < 5`;
      return `${this.#spelt(name)}(v)${key} AS${kept} (${before}${this.#side(depth)} UNION ${again})`;
    });
    const last = this.query(depth - 1);
    return `WITH ${recursive ? "RECURSIVE " : ""}${queries.join(", ")} ${/^WITH/.test(last) ? `SELECT v FROM (${last}) q` : last}`;
  }

  #name(): string {
    return this.#spelt(tables[this.#choices.int(tables.length)]!);
  }

  #spelt(name: string): string {
    const { int } = this.#bound;
    return [name, name, name.toUpperCase(), `"${name}"`, `"${name.toUpperCase()}"`][int(5)]!;
  }

  #short(sql: string): string {
    return `left(${sql}, ${lengthMax})`;
  }
}
