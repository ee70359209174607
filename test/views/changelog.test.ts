import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rollUpBy } from "../../serving/question/roll-up.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { type Inputs, noPartials, partialOf, plainOf, rolledUpOf, rowsOf } from "../../shared/compiler/texts.ts";
import { weightColumn } from "../../shared/compiler/weights.ts";
import type { ReferenceTable, StreamDefinition, ViewDefinition } from "../../shared/definition.ts";
import { Duck, freshName, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { compareRows, doublesOf } from "../../shared/proof/compare.ts";
import { estimatesOff } from "../../shared/proof/estimates.ts";
import { someOf } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const changes = 60;

const fields: Record<string, (random: () => number) => string> = {
  id: () => "",
  city: (random) => pick(random, ["'Bern'", "'Rome'", "'Oslo'", "NULL"]),
  age: (random) => pick(random, ["NULL", "7", "31", "9223372036854775807", "-9223372036854775808"]),
  price: (random) => pick(random, ["NULL", "0.10", "12.50", "-3.25"]),
  d: (random) => pick(random, ["NULL", "0.1", "0.2", "1e15", "-1e15", "3.5", "'Infinity'", "'NaN'"]),
  x: (random) => pick(random, ["NULL", "0.1", "0.2", "-7.25", "1000.5"]),
  ok: (random) => pick(random, ["true", "false", "NULL"]),
  day: (random) => pick(random, ["DATE '2026-01-01'", "DATE '2026-01-02'", "NULL"]),
};
const types: Record<string, string> = {
  id: "BIGINT",
  city: "VARCHAR?",
  age: "BIGINT?",
  price: "DECIMAL(12,2)?",
  d: "DOUBLE?",
  x: "DOUBLE?",
  ok: "BOOLEAN?",
  day: "DATE?",
};
const names = Object.keys(fields);

function pick(random: () => number, values: readonly string[]): string {
  return values[Math.floor(random() * values.length)]!;
}

const row = stream("customers", types);
const customers: StreamDefinition = { ...row, fields: [], changelog: { key: ["id"], row: row.fields } };
const visits = stream("visits", { city: "VARCHAR", age: "BIGINT?" });
const regions: ReferenceTable = {
  name: "regions",
  source: "",
  columns: [
    { name: "city", type: "VARCHAR" },
    { name: "region", type: "VARCHAR" },
  ],
  file: { name: "", bytes: 0, sha256: "" },
};
const regionRows = "SELECT * FROM (VALUES ('Bern', 'north'), ('Oslo', 'north'), ('Rome', 'south')) t(city, region)";

const visited = "SELECT 'Bern' AS city, 1::BIGINT AS age";

/** Changes of rows in a table, and what they leave behind. */
class Changes {
  readonly session: Session;
  readonly #duck: Duck;
  readonly compiler: Compiler;

  private constructor(duck: Duck, session: Session, compiler: Compiler) {
    this.#duck = duck;
    this.session = session;
    this.compiler = compiler;
  }

  static async open(): Promise<Changes> {
    const duck = await Duck.open({ threads: 1 });
    const session = await duck.session();
    const compiler = await Compiler.open(session, [customers, visits], [regions]);
    const random = seededNumbers(seed);
    const made = new Map<number, readonly string[]>();
    const rows: string[] = [];
    for (let n = 0; n < changes; n++) {
      const id = Math.floor(random() * 8);
      const before = made.get(id);
      const after =
        random() < 0.3 && before ? null : [String(id), ...names.slice(1).map((name) => fields[name]!(random))];
      if (before) rows.push(`(${n}, -1, ${before.join(", ")})`);
      if (after) rows.push(`(${n}, 1, ${after.join(", ")})`);
      if (after) made.set(id, after);
      else made.delete(id);
    }
    const columns = names.map((name) => `${name} ${types[name]!.replace("?", "")}`).join(", ");
    await session.run(`CREATE TEMP TABLE changed (n INTEGER, w BIGINT, ${columns})`);
    await session.run(`INSERT INTO changed VALUES ${rows.join(", ")}`);
    await session.run(`CREATE TEMP TABLE folded AS SELECT * EXCLUDE (n, w) FROM changed LIMIT 0`);
    const left = [...made.values()].map((values) => `(${values.join(", ")})`);
    if (left.length > 0) await session.run(`INSERT INTO folded VALUES ${left.join(", ")}`);
    return new Changes(duck, session, compiler);
  }

  close(): void {
    this.session.close();
    this.#duck.close();
  }

  weighted(condition: string): Inputs {
    return new Map([
      ["customers", `SELECT ${names.map(quoteName).join(", ")}, w AS ${weightColumn} FROM changed WHERE ${condition}`],
      ["visits", `${visited}, 1::BIGINT AS ${weightColumn} WHERE ${condition.replaceAll("n ", "3 ")}`],
      ["regions", regionRows],
    ]);
  }

  compile(sql: string): Promise<ViewDefinition> {
    return this.compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
  }

  /** Rows that a SELECT gives against those of a view's own SQL. */
  async expectSame(view: ViewDefinition, rows: string, plain: Inputs): Promise<void> {
    const inexact = view.tolerance > 0 ? doublesOf(view.columns) : [];
    const { differences } = await compareRows(this.session, plainOf(view, plain), rows, {
      inexact,
      tolerance: view.tolerance,
    });
    expect(differences, `SEED=${seed}\n${view.sql}`).toEqual([]);
  }

  get plainOfNothing(): Inputs {
    return new Map([...this.plain, ["customers", "FROM folded LIMIT 0"]]);
  }

  get plain(): Inputs {
    return new Map([
      ["customers", "FROM folded"],
      ["visits", visited],
      ["regions", regionRows],
    ]);
  }

  async partials(view: ViewDefinition, condition: string): Promise<string> {
    const table = freshName("partials");
    await this.session.run(`CREATE TEMP TABLE ${table} AS ${partialOf(view, this.weighted(condition))}`);
    return `FROM ${table}`;
  }

  async both(view: ViewDefinition, some: string, others: string): Promise<string> {
    return `${await this.partials(view, some)} UNION ALL ${await this.partials(view, others)}`;
  }

  async expectExact(sql: string): Promise<void> {
    const view = await this.compile(sql);
    expect(view.weighted).toBe(true);
    expect(view.coordination.monotone).toBe(false);
    const random = seededNumbers(seed + sql.length);
    const cut = Math.floor(random() * changes);
    const single: string[] = [];
    for (let n = 0; n < changes; n += 4) single.push(await this.partials(view, `n >= ${n} AND n < ${n + 4}`));
    const ways: Record<string, string> = {
      "all at once": await this.partials(view, "n >= 0"),
      "a few at a time": single.join(" UNION ALL ") || noPartials(view),
      [`cut at ${cut}`]: await this.both(view, `n < ${cut}`, `n >= ${cut}`),
      "in disorder": await this.both(view, "n % 3 = 1", "n % 3 <> 1"),
    };
    const columns = view.columns.filter(({ name }) => !view.estimates?.columns.includes(name));
    const list = columns.map(({ name }) => quoteName(name)).join(", ") || "1";
    const inexact = view.tolerance > 0 ? doublesOf(columns) : [];
    for (const [how, partials] of Object.entries(ways)) {
      const [left, right] = [plainOf(view, this.plain), rowsOf(view, partials)].map(
        (each) => `SELECT ${list} FROM (${each})`,
      );
      const { differences } = await compareRows(this.session, left!, right!, { inexact, tolerance: view.tolerance });
      expect(differences, `SEED=${seed} ${how}\n${sql}`).toEqual([]);
      if (view.estimates) expect(await estimatesOff(this.session, view, partials, this.plain)).toEqual([]);
    }
  }
}

const aggregates = [
  "count(*)",
  "count(age)",
  "count_if(age > 8)",
  "sum(age)",
  "sum(price)",
  "avg(price)",
  "avg(age)",
  "avg(day)",
  "sum(d)",
  "avg(d)",
  "sum(x)",
  "avg(x)",
  "fsum(x)",
  "favg(x)",
  "bit_xor(age)",
  "min(age)",
  "max(price)",
  "min(city)",
  "max(d)",
  "min(x, 2)",
  "max(x, 3)",
  "bool_and(ok)",
  "bool_or(ok)",
  "bit_and(age)",
  "bit_or(age)",
  "count(DISTINCT city)",
  "sum(DISTINCT price)",
  "avg(DISTINCT x)",
  "median(x)",
  "median(price)",
  "quantile_cont(x, 0.25)",
  "quantile_disc(city, 0.5)",
  "histogram(city)",
  "entropy(city)",
  "string_agg(city, '-' ORDER BY city)",
  "var_pop(x)",
  "var_samp(x)",
  "stddev_pop(price)",
  "stddev_samp(x)",
  "sem(x)",
  "approx_quantile(x, 0.5)",
  "approx_top_k(city, 2)",
  "sum(age % 7)",
  "regr_count(x, price)",
];

describe(`views over rows that change (SEED=${seed})`, () => {
  let changed: Changes;
  beforeAll(async () => {
    changed = await Changes.open();
  });
  afterAll(() => changed.close());

  it.each(aggregates)("%s", async (aggregate) => {
    await changed.expectExact(`SELECT city, ${aggregate} AS a FROM customers GROUP BY city`);
    const others = [
      `SELECT ${aggregate} AS a, count(*) AS n FROM customers WHERE id < 3`,
      `SELECT ok, day, ${aggregate} FILTER (WHERE id > 2) AS a FROM customers GROUP BY ALL`,
      `SELECT ok, city, ${aggregate} AS a FROM customers GROUP BY ROLLUP (ok, city)`,
      `SELECT ${aggregate} AS a FROM customers WHERE id < 0`,
    ];
    for (const sql of someOf(others, 1)) await changed.expectExact(sql);
  });

  it.each([
    "SELECT region, count(*) AS n, sum(age % 9) AS s FROM customers JOIN regions USING (city) GROUP BY region",
    "SELECT r.region, max(c.x) AS m FROM customers c LEFT JOIN regions r ON c.city = r.city GROUP BY ALL",
    "SELECT region, count(*) AS n FROM (SELECT city FROM customers WHERE ok) c JOIN regions USING (city) GROUP BY 1",
    "SELECT region, sum(age % 9) AS s FROM (SELECT city, age FROM customers) JOIN regions USING (city) GROUP BY region",
    `SELECT region, n, count(*) AS c
       FROM (SELECT r.*, c.*, 1 AS n FROM customers c JOIN regions r ON c.city = r.city) GROUP BY ALL`,
    "WITH good AS (SELECT *, price * 2 AS p FROM customers WHERE ok) SELECT city, sum(p) AS s FROM good GROUP BY city",
    "WITH a AS (SELECT * FROM customers), b AS (SELECT * FROM a) SELECT city, count(*) AS n FROM b GROUP BY city",
    `SELECT k, count(*) AS n
       FROM (SELECT *, 1 AS k FROM customers UNION ALL SELECT *, 2 AS k FROM customers WHERE ok) GROUP BY k`,
    `SELECT city, sum(age % 5) AS s
       FROM (SELECT city, age FROM customers UNION ALL SELECT city, age FROM visits) GROUP BY city`,
    "SELECT ok, max({price: price, city: city}).city AS dearest FROM customers GROUP BY ok",
    "SELECT city, count(*) AS n FROM customers GROUP BY city HAVING count(*) > 1",
    "SELECT city, count(*) AS n FROM customers GROUP BY GROUPING SETS ((), (city), (city))",
    "SELECT id, city, age, price, x, ok, day FROM customers GROUP BY ALL",
    "SELECT tag, count(*) AS n FROM (SELECT unnest([city, 'all']) AS tag FROM customers) GROUP BY tag",
    "SELECT n, count(*) AS c FROM customers SEMI JOIN regions USING (city), (VALUES (1), (2)) t(n) GROUP BY n",
  ])("%s", async (sql) => {
    await changed.expectExact(sql);
  });

  it.each([
    ["approx_count_distinct(city)", "count(DISTINCT city)"],
    ["first(city)", "max({price: price, city: city}).city"],
    ["arg_max(city, x)", "max({price: price, city: city}).city"],
    ["mode(city)", "max({price: price, city: city}).city"],
    ["product(x)", "avg(x)"],
    ["corr(x, price)", "var_pop(x)"],
    ["geomean(x)", "max(x)"],
  ])("refuses %s, and takes what it says to write instead: %s", async (aggregate, instead) => {
    const name = /^\w+/.exec(instead)![0];
    await expect(changed.compile(`SELECT ${aggregate} AS a FROM customers`)).rejects.toMatchObject({
      code: "VIEW_UNSUPPORTED",
      todo: expect.stringMatching(new RegExp(`^use .*${name}`)),
    });
    await changed.expectExact(`SELECT ok, ${instead} AS a FROM customers GROUP BY ok`);
  });

  it.each(["count(*)", "sum(age % 7)", "min(x)", "median(price)", "sum(x)"])("rolls up %s", async (aggregate) => {
    const select = (keys: string) => `SELECT ${keys}${aggregate} AS a FROM customers`;
    const having = " HAVING count(*) > 2";
    for (const end of ["", having]) {
      const view = await changed.compile(`${select("ok, city, ")} GROUP BY ok, city${end}`);
      const partials = await changed.both(view, "n < 40", "n >= 40");
      const none = await changed.partials(view, "n < 0");
      for (const keys of [["ok"], ["city"], []]) {
        const rolled = rollUpBy(
          view,
          keys.map((column) => ({ column, bucket: null })),
        );
        const list = keys.length > 0 ? `${keys.join(", ")}, ` : "";
        const own = await changed.compile(
          `${select(list)}${keys.length > 0 ? ` GROUP BY ${keys.join(", ")}` : ""}${end}`,
        );
        await changed.expectSame(own, rolledUpOf(view, rolled, partials), changed.plain);
        await changed.expectSame(own, rolledUpOf(view, rolled, none), changed.plainOfNothing);
      }
    }
  });

  it("raises where a row went that had not come", async () => {
    for (const aggregate of ["sum(age % 7)", "min(x)"]) {
      const sql = `SELECT id, ${aggregate} AS a FROM customers GROUP BY id`;
      const view = await changed.compile(sql);
      const partials = await changed.partials(view, "w < 0");
      await expect(changed.session.rows(rowsOf(view, partials))).rejects.toThrow(/went that had not come/);
    }
  });
});
