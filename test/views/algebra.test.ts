/**
 * Every aggregate of the table keeps the laws that it declares: random rows in random parts merge to the same however
 * they are put together; a group can be taken back; rows of values are a multiset; a sketch is within its error.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { moments } from "../../shared/compiler/aggregates/moments.ts";
import { call, exactPart, mergedPart, roundedPart } from "../../shared/compiler/aggregates/part.ts";
import type { Aggregate, Argument } from "../../shared/compiler/aggregates/plan.ts";
import { aggregateNamed, table } from "../../shared/compiler/aggregates/table.ts";
import { eventColumn, eventType } from "../../shared/compiler/event-order.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { type Use, verdictOf } from "../support/aggregate-laws.ts";
import { someOf } from "../support/share.ts";
import { seededNumbers } from "./seeded.ts";

const seed = Number(process.env.SEED ?? 20_261);
const rounds = Number(process.env.ROUNDS ?? 1);
const [groups, count] = [5, 160];

type Random = () => number;
const whole = (random: Random, most: number) => Math.floor(random() * most);
const signed = (random: Random, most: number) => whole(random, 2 * most) - most;
const double = (random: Random) => signed(random, 1000) * [0.1, 1, 1e15, 1e-9][whole(random, 4)]!;

/** Columns by type, as SQL of random values; `positive` is for what takes no others. */
const columns: Readonly<Record<string, readonly [type: string, value: (random: Random) => string]>> = {
  tiny: ["TINYINT", (random) => `${signed(random, 100)}`],
  i: ["BIGINT", (random) => `${signed(random, 40)}`],
  u: ["UBIGINT", (random) => `${whole(random, 2 ** 40)}`],
  huge: ["HUGEINT", (random) => `${signed(random, 9)}${"1234567890".repeat(whole(random, 4))}`],
  d: ["DECIMAL(9,2)", (random) => `${signed(random, 100_000) / 100}`],
  wide: ["DECIMAL(38,10)", (random) => `${signed(random, 9)}${"7".repeat(whole(random, 25))}.0000000001`],
  f: ["DOUBLE", (random) => `'${double(random)}'`],
  positive: ["DOUBLE", (random) => `'${Math.abs(double(random)) + 0.001}'`],
  r: ["FLOAT", (random) => `'${signed(random, 1000) / 8}'`],
  t: ["VARCHAR", (random) => `'${"abcde"[whole(random, 5)]}'`],
  b: ["BOOLEAN", (random) => `${random() < 0.8}`],
  day: ["DATE", (random) => `DATE '2024-01-01' + ${whole(random, 50)}`],
  moment: ["TIMESTAMP", (random) => `TIMESTAMP '2024-01-01' + INTERVAL ${whole(random, 9999)} MILLISECOND`],
  clock: ["TIME", (random) => `TIME '00:00:00' + INTERVAL ${whole(random, 86_000)} SECOND`],
  list: ["INTEGER[]", (random) => `[${whole(random, 3)}, ${whole(random, 3)}]`],
};

const field = (name: string): Argument => ({ sql: name, type: columns[name]![0], constant: null, fixed: false });
const constant = (sql: string, type: string, numbers: readonly string[] | null): Argument => ({
  ...{ sql, type, fixed: true },
  constant: numbers,
});
const seconds = [
  constant("0.5", "DECIMAL(2,1)", ["0.5"]),
  constant("[0.1, 0.9]", "DECIMAL(2,1)[]", ["0.1", "0.9"]),
  constant("3", "INTEGER", ["3"]),
  constant("'; '", "VARCHAR", null),
  field("i"),
  field("f"),
];
const everyType = Object.keys(columns).map(field);
/** They represent all where a use takes long: each has rows of values of its own, or there are many pairs. */
const fewTypes = ["i", "huge", "d", "f", "r", "t", "b", "moment"].map(field);
const ofPairs = ["i", "f", "t", "moment"].map(field);

let duck: Duck;
let session: Session;
beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  session = await duck.session();
  for (let round = 0; round < rounds; round++) await makeRows(`rows_${round}`, seededNumbers(seed + round));
});
afterAll(() => {
  session.close();
  duck.close();
});

async function makeRows(name: string, random: Random): Promise<void> {
  const list = Object.entries(columns).map(([column, [type]]) => `${column} ${type}`);
  await session.run(
    `CREATE TEMP TABLE ${name} (g INTEGER, part INTEGER, ${eventColumn} ${eventType}, ${list.join(", ")})`,
  );
  const rows = Array.from({ length: count }, (_, o) => {
    const g = whole(random, groups);
    // two groups are of one part alone
    const part = g < 2 ? g : whole(random, 3);
    const values = Object.values(columns).map(([, value]) => (random() < 0.15 ? "NULL" : value(random)));
    return `(${g}, ${part}, {t: ${whole(random, 20)}, p: ${o % 2}, o: ${o}}, ${values.join(", ")})`;
  });
  await session.run(`INSERT INTO ${name} VALUES ${rows.join(", ")}`);
}

const takesLong = (entry: Aggregate) => entry.class === "values" || entry.class === "sketch" || moments.includes(entry);

/** Uses that plain DuckDB has, too. */
async function usesOf(entry: Aggregate, name: string, distinct: boolean): Promise<Use[]> {
  const single = name === "geomean" ? [field("positive")] : takesLong(entry) ? fewTypes : everyType;
  const lists = entry.arity.flatMap((arity): Argument[][] => {
    if (arity === 0) return [[]];
    if (arity === 1) return single.map((first) => [first]);
    return ofPairs.flatMap((first) => seconds.map((second) => [first, second]));
  });
  const found: Use[] = [];
  for (const args of lists) {
    const inside = args.map(({ sql }) => sql).join(", ");
    const orders = entry.sorted ? [args[0]!] : entry.orderable ? [null, field("i")] : [null];
    for (const by of orders) {
      const order = by && { ...by, descending: false, nullsFirst: false };
      const text = `${distinct ? "DISTINCT " : ""}${inside}${order ? ` ORDER BY ${order.sql}` : ""}`;
      const sql = name === "count_star" ? "count(*)" : `${name}(${text})`;
      const [described] = await session.describe(`SELECT ${sql} FROM rows_0`).catch(() => []);
      if (described) found.push({ entry, sql, type: described.type, args, written: { distinct, order } });
    }
  }
  return found;
}

async function expectLaws(entry: Aggregate, name: string, distinct: boolean): Promise<void> {
  const planned = (await usesOf(entry, name, distinct)).filter((use) => !("why" in entry.plan(use.args, use.written)));
  const all = someOf(planned, 6);
  for (let round = 0; round < rounds; round++) {
    const { uses, broken } = await verdictOf(session, all, `rows_${round}`);
    expect(broken, `seed ${seed}, round ${round}`).toEqual([]);
    expect(uses, "uses that have a plan").toBeGreaterThan(0);
  }
}

describe(`seed ${seed}`, () => {
  for (const entry of table) {
    const [name] = entry.names as readonly [string];
    it(`${name} keeps what it declares`, { timeout: 60_000 }, () => expectLaws(entry, name, false));
    const once = aggregateNamed(name, true);
    // geomean is a macro of DuckDB's, which takes no DISTINCT
    if (!once || once.ordered || once.arity.length === 0 || /^(count_star|geomean)$/.test(name)) continue;
    it(`${name}(DISTINCT …), too`, { timeout: 60_000 }, () => expectLaws(once, name, true));
  }
});

describe("a wrong declaration is found:", () => {
  const entry = (own: Pick<Aggregate, "class" | "plan"> & Partial<Aggregate>): Aggregate => ({
    ...{ names: ["wrong"], arity: [1] },
    ...own,
  });
  const one = (part: ReturnType<typeof mergedPart>) => () => ({
    parts: [part],
    finalize: ([value]: readonly string[]) => value!,
  });
  const sum = call("sum", "i");
  const quantile = aggregateNamed("approx_quantile", false)!;
  const wrong: Readonly<Record<string, Aggregate>> = {
    "a sum of doubles that is a group": entry({ class: "group", plan: one(exactPart(call("sum", "f"), "DOUBLE")) }),
    "a maximum that is a group": entry({ class: "group", plan: one(exactPart(call("max", "i"), "BIGINT")) }),
    "a group whose parts only merge": entry({ class: "group", plan: one(roundedPart(call("sum", "f"))) }),
    "a group that is declared to merge only": entry({
      class: "semigroup",
      plan: one(exactPart(sum, "HUGEINT", "DECIMAL(38,0)")),
    }),
    "averages of averages": entry({
      class: "semigroup",
      plan: one(mergedPart(call("avg", "i"), "DOUBLE", "DOUBLE", ([part]) => `avg(${part})`)),
    }),
    "a merge that counts its parts": entry({
      class: "semigroup",
      plan: one(mergedPart(sum, "HUGEINT", "DECIMAL(38,0)", ([part]) => `sum(${part}) + count(*) - 1`)),
    }),
    "a sum of doubles that is exact": entry({
      class: "semigroup",
      plan: one(mergedPart(call("sum", "f"), "DOUBLE", "DOUBLE", "sum")),
    }),
    "a sketch that is exact": { ...quantile, class: "values", sketch: { ...quantile.sketch!, error: 0 } },
    "a sketch that is nearer than it is": { ...quantile, sketch: { ...quantile.sketch!, error: 1e-5 } },
    "values that are declared a sketch": { ...aggregateNamed("median", false)!, class: "sketch" },
  };

  it.each(Object.keys(wrong))("%s", async (what) => {
    const args = [field("d"), seconds[0]!];
    const use = { entry: wrong[what]!, sql: "quantile_disc(d, 0.5)", type: "DECIMAL(9,2)", args };
    const { uses, broken } = await verdictOf(
      session,
      [{ ...use, written: { distinct: false, order: null } }],
      "rows_0",
    );
    expect(uses).toBe(1);
    expect(broken).not.toEqual([]);
  });
});
