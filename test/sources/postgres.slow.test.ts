/** Tables of a real PostgreSQL as changelogs: what their records leave is what the tables have. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { sourceStatus } from "../../sources/operations.ts";
import { skipsPostgres } from "../support/postgres.ts";
import { seededNumbers } from "../views/seeded.ts";
import { ShopWorld } from "./shop-world.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));

describe.skipIf(skipsPostgres("changelogs from PostgreSQL"))("changelogs from PostgreSQL", () => {
  let world: ShopWorld;
  beforeAll(async () => {
    world = await ShopWorld.open(
      `CREATE TABLE customers (id bigint PRIMARY KEY, city text, age int, note text);
       ALTER TABLE customers ALTER note SET STORAGE EXTERNAL;
       CREATE TABLE lines (order_id int, line int, sku text NOT NULL, price numeric(12,2),
         PRIMARY KEY (order_id, line));
       ALTER TABLE lines REPLICA IDENTITY FULL;
       CREATE TABLE named (id int PRIMARY KEY, what regclass);
       INSERT INTO named VALUES (1, 'lines'), (2, 'customers');
       INSERT INTO customers SELECT i, 'Bern', i, repeat('x', 3000) FROM generate_series(1, 20) i;`,
      `{
        customers: { kind: "changelog", from: "shop:public.customers", key: "id",
          fields: { id: "BIGINT", city: "VARCHAR?", age: "INTEGER?", note: "VARCHAR?" }, partitions: 2 },
        lines: { kind: "changelog", from: "shop:public.lines", key: ["order_id", "line"],
          fields: { order_id: "INTEGER", line: "INTEGER", sku: "VARCHAR", price: "DECIMAL(12,2)?" }, partitions: 2 },
        named: { kind: "changelog", from: "shop:public.named", key: "id",
          fields: { id: "INTEGER", what: "VARCHAR" }, partitions: 1 },
      }`,
      { more: `verify: "*/3 * * * * *"` },
    );
  });
  afterAll(() => world?.close());

  const table = {
    customers: `SELECT json_build_object('id', id, 'city', city, 'age', age, 'note', note)::text FROM customers`,
    lines: `SELECT json_build_object('order_id', order_id, 'line', line, 'sku', sku, 'price', price)::text FROM lines`,
  };
  const rowsIn = async (name: keyof typeof table) =>
    (await world.server.sql(table[name]))
      .split("\n")
      .filter((row) => row !== "")
      .map((row) => JSON.stringify(JSON.parse(row)))
      .sort();
  const sorted = (rows: readonly string[]) => rows.map((row) => JSON.stringify(JSON.parse(row))).sort();

  async function expectSame(): Promise<void> {
    for (const name of ["customers", "lines"] as const) {
      const should = await rowsIn(name);
      await expect
        .poll(async () => sorted(await world.rowsOf(name)), { timeout: 20_000, interval: 200 })
        .toEqual(should);
    }
  }

  it("follows a snapshot, and what is changed then", async () => {
    world.start();
    await expectSame();
    await world.server.sql(`
      INSERT INTO customers VALUES (21, NULL, NULL, NULL);
      UPDATE customers SET age = 99 WHERE id = 3;
      UPDATE customers SET id = 103 WHERE id = 4;
      DELETE FROM customers WHERE id = 5;
      BEGIN; INSERT INTO lines VALUES (1, 1, 'a', 1.50), (1, 2, 'b', NULL);
      UPDATE lines SET line = 3 WHERE line = 2; COMMIT;
      BEGIN; DELETE FROM customers; ROLLBACK;`);
    await expectSame();
    await world.server.sql("TRUNCATE lines; INSERT INTO lines VALUES (7, 7, 'c', 0.10)");
    await expectSame();
  });

  it(`random transactions, stopped and gone on with (SEED=${seed})`, async () => {
    const random = seededNumbers(seed);
    const int = (below: number) => Math.floor(random() * below);
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 15; n++) {
        const statements = Array.from({ length: 1 + int(5) }, () => {
          const id = int(30);
          return (
            [
              `INSERT INTO customers VALUES (${id}, 'c${int(3)}', ${int(9)}, repeat('y', ${int(4000)}))
               ON CONFLICT (id) DO UPDATE SET city = EXCLUDED.city`,
              `UPDATE customers SET age = ${int(9)} WHERE id = ${id}`,
              `UPDATE customers SET id = id + 100 WHERE id = ${id}
               AND NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = ${id + 100})`,
              `DELETE FROM customers WHERE id = ${id}`,
              `INSERT INTO lines VALUES (${int(5)}, ${int(5)}, 's', ${int(99)}.25)
               ON CONFLICT (order_id, line) DO UPDATE SET price = EXCLUDED.price`,
              `DELETE FROM lines WHERE order_id = ${int(5)}`,
              "SAVEPOINT a; DELETE FROM customers; ROLLBACK TO a",
              ...(int(12) === 0 ? ["TRUNCATE lines"] : []),
            ][int(8)] ?? "SELECT 1"
          );
        });
        await world.server.sql(`BEGIN; ${statements.join("; ")}; ${int(5) === 0 ? "ROLLBACK" : "COMMIT"}`);
      }
      if (round % 2 === 0) {
        await world.stop();
        world.start();
      }
    }
    await expectSame();
    expect(world.said.filter((line) => /new slot/.test(line))).toHaveLength(1);
  });

  it("finds by itself what was changed while its slot was gone", async () => {
    await world.stop();
    await world.server.sql("SELECT pg_drop_replication_slot('tidemark_shop')");
    await world.server.sql(
      "UPDATE customers SET city = 'unseen' WHERE id % 3 = 0; DELETE FROM customers WHERE id % 7 = 0",
    );
    world.start();
    await expectSame();
    expect(world.said.join("\n")).toMatch(/the slot is gone/);
  });

  it("finds by its schedule what the server gives no sign of, and has it read again", async () => {
    // until now it was not as it is declared, which kept none of the others
    expect(world.said.join("\n")).toContain('public.named: column what may be NULL: declare "VARCHAR?"');
    await world.server.sql("ALTER TABLE named ALTER what SET NOT NULL");
    // the text of a name changes, and no row does
    await world.server.sql("CREATE TABLE aside (); UPDATE named SET what = 'aside' WHERE id = 1");
    await expect.poll(() => world.rowsOf("named")).toContainEqual(expect.stringMatching(/aside/));
    await world.server.sql("ALTER TABLE aside RENAME TO renamed");
    await expect.poll(() => world.said).toContainEqual(expect.stringMatching(/verify: named: .* 1 are otherwise$/));
    await expect.poll(() => world.said).toContainEqual(expect.stringMatching(/verify: named: .* equal, read again$/));
    expect(await world.rowsOf("named")).toEqual([expect.stringMatching(/renamed/), expect.stringMatching(/customers/)]);
    await expect.poll(() => incidentsIn(world.store)).toEqual([]);
    await expect
      .poll(async () => (await sourceStatus(world.log, "shop", world.project.sources[0]!, [])).verified?.at)
      .toBeGreaterThan(0);
  });

  it("follows a table that is dropped and created again, at once or later", async () => {
    const stopped = async () => (await incidentsIn(world.store)).filter(({ kind }) => kind === "source-stopped");
    const made = `CREATE TABLE lines (order_id int, line int, sku text NOT NULL, price numeric(12,2),
      PRIMARY KEY (order_id, line));`;
    await world.server.sql(`DROP TABLE lines; ${made} INSERT INTO lines VALUES (8, 1, 'at once', 1.00)`);
    await expectSame();
    await world.server.sql("DROP TABLE lines");
    await expect.poll(stopped, { timeout: 20_000 }).toMatchObject([{ subject: "lines" }]);
    // another process than the one that said so
    await world.stop();
    await world.server.sql(`${made} INSERT INTO lines VALUES (8, 2, 'later', 2.00)`);
    world.start();
    await expectSame();
    await world.server.sql("UPDATE lines SET sku = 'and after'");
    await expectSame();
    await expect.poll(stopped, { timeout: 20_000 }).toEqual([]);
  });

  it("ends at once while its schedule waits for a transaction", async () => {
    const waiting = async () =>
      Number(await world.server.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE '%beside%'"));
    const open = world.server.sql("BEGIN; UPDATE customers SET age = 1 WHERE id = 3; SELECT pg_sleep(60)");
    open.catch(() => undefined);
    await expect.poll(waiting).toBeGreaterThan(0);
    const since = performance.now();
    await world.stop();
    expect(performance.now() - since).toBeLessThan(20_000);
    await world.server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN%pg_sleep(60)'",
    );
    world.start();
    await expectSame();
  });
});
