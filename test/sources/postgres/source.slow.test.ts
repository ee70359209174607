/** A source on a real server: what is committed comes once, in order, through restarts, from a snapshot on. */
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../demo/postgres/server.ts";
import type { Blocker } from "../../../sources/postgres/slot.ts";
import { PostgresSource, type PostgresSourceOptions } from "../../../sources/postgres/source.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";
import { connectTo } from "../../../sources/postgres/target.ts";
import { randomOf } from "../../faults/fault.ts";
import { skipsPostgres } from "../../support/postgres.ts";
import { Replica } from "./replica.ts";

const items: SourceTable = {
  table: "public.items",
  key: ["id"],
  row: [
    { name: "id", type: "BIGINT", nullable: false },
    { name: "note", type: "VARCHAR", nullable: true },
    { name: "large", type: "VARCHAR", nullable: true },
    { name: "amount", type: "DECIMAL(12,2)", nullable: true },
  ],
};
const full: SourceTable = { ...items, table: "public.items_full" };

describe.skipIf(skipsPostgres("a source, on a real PostgreSQL server"))("a source on a real server", () => {
  let server: PostgresServer;
  let options: PostgresSourceOptions;
  let made = 0;
  beforeAll(async () => {
    server = await startPostgres({ settings: { wal_sender_timeout: "3s" } });
  });
  afterAll(async () => server?.stop());
  beforeEach(async () => {
    options = {
      source: "shop",
      url: server.url,
      slot: `shop_${++made}`,
      publications: ["shop"],
      tables: [items, full],
      messages: ["end"],
      heartbeatMs: 500,
      pollMs: 500,
      now: Date.now,
    };
    await server.sql(`
      CREATE TABLE items (id bigint PRIMARY KEY, note text, large text, amount numeric(12,2));
      ALTER TABLE items ALTER large SET STORAGE EXTERNAL;
      CREATE TABLE items_full (LIKE items INCLUDING ALL);
      ALTER TABLE items_full REPLICA IDENTITY FULL;
      CREATE PUBLICATION shop FOR TABLE items, items_full`);
  });
  afterEach(async () => {
    await server.sql(`
      SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
      SELECT pg_sleep(0.3);
      SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
      DROP PUBLICATION shop; DROP TABLE items, items_full`);
  });

  /** The tables' rows, in the stream's texts. */
  async function tablesNow(): Promise<Map<string, Map<string, unknown>>> {
    const replica = new Replica({ ...options, slot: `${options.slot}_now` });
    await server.sql("SELECT pg_logical_emit_message(true, 'end', 'now')");
    await replica.run(() => true);
    return replica.rows as Map<string, Map<string, unknown>>;
  }

  it("joins its snapshot to its changes while others write, through restarts", async () => {
    const random = randomOf(7);
    let isDone = false;
    const writers = [0, 1].map(async (writer) => {
      const connection = await connectTo({ source: "writer", url: server.url });
      await connection.rows("SET search_path = public");
      for (let n = 0; !isDone; n++) await connection.rows(transaction(random, writer, n));
      await connection.rows(`SELECT pg_logical_emit_message(true, 'end', 'writer ${writer}')`);
      await connection.close();
    });
    const replica = new Replica(options);
    let pieces = 0;
    // some restarts, of which each begins where the last commit ended
    for (let run = 0; run < 6; run++) {
      const stop = pieces + 40;
      await replica.run((_, piece) => {
        if (piece !== null) pieces++;
        return pieces >= stop;
      });
    }
    isDone = true;
    await Promise.all(writers);
    await server.sql("SELECT pg_logical_emit_message(true, 'end', 'done')");
    await replica.run((_, piece) => piece?.messages.some(({ content }) => content.toString() === "done") ?? false);
    expect(replica.found).toEqual([]);
    // none came twice
    expect(new Set(replica.xids).size).toBe(replica.xids.length);
    expect(replica.xids.length).toBeGreaterThan(240);
    expect(replica.rows).toEqual(await tablesNow());
  });

  it("gives a commit that directly follows one that was acknowledged", async () => {
    const replica = new Replica(options);
    await server.sql("SELECT pg_logical_emit_message(true, 'end', 'first')");
    await replica.run(() => true);
    for (let round = 0; round < 10; round++) {
      // both records in one go, one behind the other
      await server.sql(`INSERT INTO items VALUES (${2 * round}); INSERT INTO items VALUES (${2 * round + 1})`);
      for (const id of [2 * round, 2 * round + 1]) {
        await replica.run((_, piece) => piece !== null);
        expect([...replica.rows.get(items.table)!.keys()].at(-1)).toBe(`["${id}"]`);
      }
    }
    expect(replica.rows.get(items.table)!.size).toBe(20);
    expect(new Set(replica.xids).size).toBe(replica.xids.length);
  });

  it("hands on a large transaction in pieces, and waits for a slow reader beyond the server's timeout", async () => {
    const source = await PostgresSource.open({ ...options, pieceBytes: 100_000 });
    const snapshot = await source.snapshot("new", { waitMsMax: 10_000 });
    await snapshot.close();
    await server.sql("INSERT INTO items SELECT i, repeat('x', 300), NULL, i FROM generate_series(1, 50000) i");
    let [rows, last, pieces, slept] = [0, 0, 0, false];
    for await (const batch of source.stream(snapshot.lsn)) {
      for (const item of batch) {
        if (item.is !== "piece") continue;
        pieces++;
        expect(item.number).toBe(pieces);
        expect(item.endLsn === null).toBe(!item.last);
        for (const { n, change } of item.changes) {
          expect([n, change]).toMatchObject([++rows, { op: "c", key: [String(rows)] }]);
        }
        if (item.last) last++;
      }
      if (!slept) await sleep(8_000);
      slept = true;
      if (last > 0) break;
    }
    expect(rows).toBe(50_000);
    expect(pieces).toBeGreaterThan(100);
    await source.close();
  });

  it("lets an idle database keep no WAL while another one writes", async () => {
    const replica = new Replica(options);
    await server.sql("CREATE DATABASE other");
    const other = await connectTo({ source: "other", url: server.url.replace(/postgres$/, "other") });
    await other.rows("CREATE TABLE public.filler (t text)");
    const kept: number[] = [];
    const keptBytes = `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) FROM pg_replication_slots
      WHERE slot_name = '${options.slot}'`;
    let written = 0;
    const writing = setInterval(() => {
      written++;
      void other
        .rows("INSERT INTO public.filler SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
        .catch(() => {});
    }, 400);
    await replica.run(async () => {
      kept.push(Number(await server.sql(keptBytes)));
      return written >= 15;
    });
    clearInterval(writing);
    await other.close();
    // 15 × 10 MB were written
    expect(Math.max(...kept)).toBeLessThan(80 * 2 ** 20);
    await server.sql("DROP DATABASE other WITH (FORCE)");
  });

  it("needs a role that may replicate and read, and no more", async () => {
    await server.sql("CREATE ROLE reader LOGIN REPLICATION; GRANT SELECT ON items, items_full TO reader");
    const url = server.url.replace("postgres:secret@", "reader:secret@");
    const replica = new Replica({ ...options, url });
    await server.sql("INSERT INTO items VALUES (1, 'read')");
    let positions = 0;
    // heartbeats and polls, too
    await replica.run(() => ++positions > 4);
    expect(replica.found).toEqual([]);
    expect(replica.rows.get(items.table)!.get('["1"]')).toEqual(["1", '"read"', "null", "null"]);
    // what it lacks is said
    await server.sql("REVOKE SELECT ON items FROM reader");
    await expect(new Replica({ ...options, url, slot: "reader" }).run(() => true)).rejects.toMatchObject({
      code: "DATABASE_FORBIDDEN",
      message: expect.stringContaining("permission denied for table items"),
    });
    await server.sql("DROP OWNED BY reader; DROP ROLE reader");
  });

  it("says who keeps a slot from being created, and gives up in time", async () => {
    const blocker = await connectTo({ source: "blocker", url: server.url });
    await blocker.rows("BEGIN");
    await blocker.rows("INSERT INTO public.items VALUES (1)");
    const source = await PostgresSource.open(options);
    const waited: (readonly Blocker[])[] = [];
    const begun = source.snapshot("new", { waitMsMax: 2_500, onWaiting: (blockers) => waited.push(blockers) });
    await expect(begun).rejects.toMatchObject({
      code: "SOURCE_SLOT",
      message: expect.stringContaining(`waits for transactions that are open: of process ${blocker.pid} (postgres`),
    });
    expect(waited.length).toBeGreaterThan(1);
    expect(waited.at(-1)![0]).toMatchObject({ pid: blocker.pid });
    expect(waited.at(-1)![0]!.ageSeconds).toBeGreaterThan(1);
    await blocker.rows("COMMIT");
    await blocker.close();
    expect(await server.sql("SELECT count(*) FROM pg_replication_slots")).toBe("0\n");
    // and now it is
    const snapshot = await source.snapshot("new", { waitMsMax: 10_000 });
    await snapshot.close();
    await source.close();
  });

  it("has its slot for itself", async () => {
    const first = await PostgresSource.open(options);
    const snapshot = await first.snapshot("new", { waitMsMax: 10_000 });
    await snapshot.close();
    const held = first.stream(snapshot.lsn);
    await held.next();
    const second = await PostgresSource.open(options);
    await expect(second.stream(snapshot.lsn).next()).rejects.toMatchObject({
      code: "SOURCE_SLOT",
      message: expect.stringContaining("is active for PID"),
    });
    await second.close();
    await first.close();
  });

  it("notices a server that went silent, and what it can't reach, without a word of the address", async () => {
    const relay = await Relay.open(server.port);
    const url = server.url.replace(String(server.port), String(relay.port));
    const source = await PostgresSource.open({ ...options, url, pollMs: 60_000, heartbeatMs: 60_000 });
    const snapshot = await source.snapshot("new", { waitMsMax: 10_000 });
    await snapshot.close();
    const stream = source.stream(snapshot.lsn);
    await server.sql("INSERT INTO items VALUES (1)");
    expect((await stream.next()).value).toMatchObject([{ is: "piece" }]);
    // an idle server is no silent one
    let next = stream.next();
    for (let isIdle = false; !isIdle; ) {
      next.catch(() => {});
      isIdle = (await Promise.race([next, sleep(8_000, "idle")])) === "idle";
      if (!isIdle) next = stream.next();
    }
    relay.falterSilent();
    await expect(next).rejects.toMatchObject({
      code: "DATABASE_UNREACHABLE",
      message: expect.stringContaining("sent nothing for 6 s"),
    });
    await relay.close();
    await source.close();
    for (const wrong of [url, "postgres://postgres:secret@[", url.replace("127.0.0.1", "no-such-host.invalid")]) {
      const error = await PostgresSource.open({ ...options, url: wrong }).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: expect.stringMatching(/^DATABASE_(UNREACHABLE|SETTING)$/) });
      expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toMatch(
        /secret|invalid:|127\.0\.0\.1/,
      );
    }
  });
});

/** Forwards to a port, until it does no more, with its sockets open. */
class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Socket[];

  private constructor(server: Server, sockets: Socket[]) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as { port: number }).port;
  }

  static async open(to: number): Promise<Relay> {
    const sockets: Socket[] = [];
    const server = createServer((incoming) => {
      const outgoing = connectSocket(to, "127.0.0.1");
      sockets.push(incoming, outgoing);
      for (const socket of [incoming, outgoing]) socket.on("error", () => {});
      incoming.pipe(outgoing);
      outgoing.pipe(incoming);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Relay(server, sockets);
  }

  falterSilent(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** One of a writer that has ids of its own: rows come, change, change their key, go, all of them, or nothing does. */
function transaction(random: () => number, writer: number, n: number): string {
  const pick = (max: number) => Math.floor(random() * max);
  const id = () => writer * 1_000 + pick(40);
  const statements = Array.from({ length: 1 + pick(6) }, (_, i) => {
    const table = random() < 0.5 ? "items" : "items_full";
    const kind = random();
    const value = `'n${n}-${i}', ${random() < 0.3 ? `repeat('${n % 10}', 3000)` : "NULL"}, ${pick(1_000)} / 7.0`;
    const upsert = `INSERT INTO ${table} VALUES (${id()}, ${value})
      ON CONFLICT (id) DO UPDATE SET note = excluded.note, large = coalesce(excluded.large, ${table}.large)`;
    if (kind < 0.5) return upsert;
    if (kind < 0.7) return `UPDATE ${table} SET note = note || 'u', amount = amount + 1 WHERE id = ${id()}`;
    if (kind < 0.8) {
      const to = id();
      return `UPDATE ${table} SET id = ${to} WHERE id = ${id()} AND NOT EXISTS (SELECT FROM ${table} WHERE id = ${to})`;
    }
    if (kind < 0.97) return `DELETE FROM ${table} WHERE id = ${id()}`;
    // of its own rows: two TRUNCATEs would wait for each other
    return writer === 0 && n % 50 === 49 && i === 0
      ? `TRUNCATE ${table}`
      : `SAVEPOINT s; ${upsert}; ROLLBACK TO SAVEPOINT s`;
  });
  return `BEGIN; ${statements.join("; ")}; ${random() < 0.15 ? "ROLLBACK" : "COMMIT"}`;
}
