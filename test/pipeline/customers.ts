/** Rows that change, as a random table of customers, and views of several kinds over them. */
import type { StreamDefinition } from "../../shared/definition.ts";
import { tableViews } from "../../shared/project/table-views.ts";
import { verify } from "../../shared/proof/verify.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { changelogOf } from "../support/changelog-stream.ts";
import { stream } from "../support/view-case.ts";
import type { World, WorldOptions } from "./world.ts";

const row = { id: "BIGINT", city: "VARCHAR?", age: "INTEGER?", score: "DOUBLE?" };
const customers: StreamDefinition = { ...changelogOf(stream("customers", row), ["id"]), partitions: 2 };
export const customerViews = {
  customers: tableViews([customers], "")[0]!.sql,
  cities: "SELECT city, count(*) AS n, sum(age) AS age, avg(score) AS score FROM customers GROUP BY city",
  oldest:
    "SELECT city, max(age) AS oldest, count(DISTINCT age) AS ages FROM customers GROUP BY city HAVING count(*) > 1",
  everyone: "SELECT id, city, age FROM customers GROUP BY ALL",
  total: "SELECT count(*) AS n, min(score) AS least, median(age) AS middle FROM customers WHERE age > 20",
  regions: "SELECT region, count(*) AS n FROM (SELECT * FROM customers) c JOIN regions USING (city) GROUP BY region",
};

/** A world's stream and views, with a reference table. */
export const ofCustomers: WorldOptions = {
  stream: customers,
  views: customerViews,
  references: { regions: "city,region\nBern,north\nOslo,north\nRome,south\n" },
};

export interface Customer {
  readonly id: number;
  readonly city: string | null;
  readonly age: number | null;
  readonly score: number | null;
}

/** The table, changed at random. */
export class Customers {
  readonly rows = new Map<number, Customer>();
  /** Every record, as it was appended. */
  readonly records: {
    readonly partition: number;
    readonly offset: number;
    readonly before: Customer | null;
    readonly after: Customer | null;
  }[] = [];
  readonly #world: World;
  readonly #random: () => number;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  async change(count: number): Promise<void> {
    const any = <T>(values: readonly T[]): T => values[Math.floor(this.#random() * values.length)]!;
    for (let i = 0; i < count; i++) {
      const id = Math.floor(this.#random() * 20);
      const gone = this.rows.has(id) && this.#random() < 0.3;
      const made = {
        id,
        city: any(["Bern", "Rome", "Oslo", null]),
        age: any([null, 7, 31, 64]),
        score: any([null, 0.1, 0.2, 1e9]),
      };
      await this.put(id, gone ? null : made);
    }
  }

  /** What a row is from now on; null: it goes. */
  async put(id: number, after: Customer | null): Promise<void> {
    const before = this.rows.get(id) ?? null;
    if (after) this.rows.set(id, after);
    else this.rows.delete(id);
    await this.record(before, after);
  }

  /** A record of whatever truth. */
  record(before: Customer | null, after: Customer | null): Promise<void> {
    const partition = (before ?? after)!.id % 2;
    const offset = this.records.filter((each) => each.partition === partition).length;
    this.records.push({ partition, offset, before, after });
    const value = JSON.stringify({ op: after ? "u" : "d", before, after, source: "" });
    return this.#world.append([{ partition, value, valid: true }]);
  }

  /** By id. */
  get left(): readonly Customer[] {
    return [...this.rows.values()].sort((a, b) => a.id - b.id);
  }
}

/** The rows of a view, as they are served from files. */
export async function servedRows(world: World, view: string): Promise<Record<string, unknown>[]> {
  const snapshot = (await bestSnapshot(world.store))!;
  const definition = snapshot.manifest.definition.views.find(({ name }) => name === view)!;
  return (await (await world.session()).read(await checkedRows(world.store, snapshot, definition))).getRowObjectsJson();
}

/** Of each view what `tidemark verify` finds: why it has no answer, and where it differs. */
export async function verdictsOf(world: World) {
  const snapshot = (await bestSnapshot(world.store))!;
  const session = await world.session();
  const found: { readonly view: string; readonly failed: string | null; readonly differences: readonly unknown[] }[] =
    [];
  for await (const { view, failed, differences } of verify(
    { ...world, session, snapshot },
    snapshot.manifest.definition.views,
  ))
    found.push({ view, failed: failed?.message ?? null, differences });
  return found;
}
