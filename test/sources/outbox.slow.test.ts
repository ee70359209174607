/** Events that are committed with rows: once, in commit order, whatever is killed; and a control that writes twice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logStream } from "../../shared/store/origin.ts";
import { keptLetters } from "../../sources/letters.ts";
import { sourceStatus } from "../../sources/operations.ts";
import { skipsPostgres } from "../support/postgres.ts";
import { until } from "../support/until.ts";
import { ShopWorld } from "./shop-world.ts";

const put = (id: string, type: string, payload: string, stream = "orders") =>
  `INSERT INTO outbox VALUES ('${id}', '${stream}', 'a1', '${type}', '${payload}')`;
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

describe.skipIf(skipsPostgres("the outbox of a PostgreSQL"))("an outbox", () => {
  let world: ShopWorld;
  beforeAll(async () => {
    world = await ShopWorld.open(
      `CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)`,
      `{ orders: { fields: { id: "UUID", type: "VARCHAR", n: "BIGINT" }, id: "id", partitions: 1 } }`,
      { more: `outbox: { table: "public.outbox", messages: "tidemark.outbox", remove: true }` },
    );
    world.start();
    const active = "SELECT count(*) FROM pg_replication_slots WHERE active";
    await until(async () => (await world.server.sql(active)).trim() === "1");
  });
  afterAll(() => world?.close());

  async function events(): Promise<unknown[]> {
    const stream = world.definition.streams.find(({ name }) => name === "orders")!;
    const [end = 0] = await world.log.end(logStream(stream));
    const reader = await world.log.read(logStream(stream), new Map([[0, 0]]));
    const found: unknown[] = [];
    for (let at = 0; at < end; )
      for (const batch of await reader.next(1 << 20, 100)) {
        found.push(...batch.records().map(({ value }) => JSON.parse(value!.toString()) as unknown));
        at = batch.upto;
      }
    await reader.close();
    return found;
  }
  const numbers = async () => (await events()).map((each) => (each as { n: number }).n);

  it("gives events in commit order, each once, and none of what was rolled back", async () => {
    await world.server.sql(`BEGIN; ${put(uuid(1), "Placed", '{"n": 1}')}; COMMIT;
      BEGIN; ${put(uuid(2), "Placed", '{"n": 2}')}; ROLLBACK;
      BEGIN; ${put(uuid(3), "Placed", '{"n": 3}')}; DELETE FROM outbox WHERE id = '${uuid(3)}'; COMMIT;`);
    // T1 begins before T2 and commits after it
    const t1 = world.server.sql(`BEGIN; ${put(uuid(4), "Paid", '{"n": 4}')}; SELECT pg_sleep(1); COMMIT;`);
    await new Promise((done) => setTimeout(done, 300));
    await world.server.sql(put(uuid(5), "Paid", '{"n": 5}'));
    await t1;
    await world.server.sql(
      `SELECT pg_logical_emit_message(true, 'tidemark.outbox',
        '{"id": "${uuid(6)}", "aggregatetype": "orders", "type": "Sent", "payload": {"n": 6}}')`,
    );
    await expect.poll(numbers).toEqual([1, 3, 5, 4, 6]);
    expect((await events())[0]).toEqual({ id: uuid(1), type: "Placed", n: 1 });
    await expect.poll(() => world.server.sql("SELECT count(*) FROM outbox")).toBe("0\n");
  });

  it("says what is no event, which blocks nothing", async () => {
    await world.server.sql(`${put(uuid(7), "x", '{"n": 7}', "nowhere")}; ${put(uuid(8), "x", '{"n": "many"}')};
      SELECT pg_logical_emit_message(true, 'tidemark.outbox', 'hello');
      SELECT pg_logical_emit_message(true, 'tidemark.outbox', '{"id": "no uuid", "aggregatetype": "x"}');
      ${put(uuid(9), "x", '{"n": 9}')}`);
    await expect.poll(numbers).toEqual([1, 3, 5, 4, 6, 9]);
    for (const reason of [
      "aggregatetype: the project has no stream of that name",
      "n: a text of 4 characters is not a BIGINT",
      "id: an event needs one",
    ])
      await expect.poll(() => world.said.join("\n")).toContain(`is no event: ${reason}`);
    const letters = [];
    for await (const { reason, row } of keptLetters(world.log, "shop", "shop")) letters.push([reason, row]);
    expect(letters.map(([reason]) => reason)).toEqual([
      "aggregatetype: the project has no stream of that name",
      "n: a text of 4 characters is not a BIGINT",
      "id: an event needs one",
      "aggregatetype: the project has no stream of that name",
    ]);
    expect(letters[2]![1]).toBe('{"payload":"hello"}');
    const status = await sourceStatus(world.log, "shop", world.project.sources[0]!, []);
    expect([status.letters, status.unreachable]).toEqual([4, null]);
  });

  it("gives none twice that was not acknowledged", async () => {
    for (let n = 10; n < 30; n++) {
      await world.server.sql(put(uuid(n), "x", `{"n": ${n}}`));
      if (n % 5 !== 0) continue;
      await world.stop();
      await world.server.sql(put(uuid(n + 100), "x", `{"n": ${n + 100}}`));
      world.start();
    }
    await expect.poll(async () => (await numbers()).length).toBe(6 + 20 + 4);
    expect(new Set(await numbers()).size).toBe(30);
  });
});
