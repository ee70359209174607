/** Changelogs written by real processes that are killed, stopped and doubled; slots that are lost in every way. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, postgresLacking, startPostgres } from "../../demo/postgres/server.ts";
import { isChangelog } from "../../ingest/sent-changes.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import type { Log } from "../../shared/log/log.ts";
import { openLog } from "../../shared/log/open.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import { foldedRecords } from "../sources/folded.ts";
import { Daemon, runVerb } from "./daemon.ts";
import { type Fault, type FaultReport, randomOf } from "./fault.ts";
import { LegacyTopic, legacyPartitions, legacyTopic } from "./legacy-topic.ts";

const tables = `
  CREATE TABLE customers (id bigint PRIMARY KEY, city text, age int, note text);
  ALTER TABLE customers ALTER note SET STORAGE EXTERNAL;
  CREATE TABLE lines (order_id int, line int, sku text NOT NULL, price numeric(12,2), PRIMARY KEY (order_id, line));
  ALTER TABLE lines REPLICA IDENTITY FULL;
  INSERT INTO customers SELECT i, 'Bern', i, repeat('x', 3000) FROM generate_series(1, 200) i;`;

const streams = `{
  customers: { kind: "changelog", from: "shop:public.customers", key: "id", partitions: 2,
    fields: { id: "BIGINT", city: "VARCHAR?", age: "INTEGER?", note: "VARCHAR?" } },
  lines: { kind: "changelog", from: "shop:public.lines", key: ["order_id", "line"], partitions: 2,
    fields: { order_id: "INTEGER", line: "INTEGER", sku: "VARCHAR", price: "DECIMAL(12,2)?" } },
  sent: { kind: "changelog", key: "id", partitions: 2, fields: { id: "BIGINT", n: "BIGINT?" } },
  legacy: { kind: "changelog", key: "id", partitions: ${legacyPartitions},
    from: { topic: "${legacyTopic}", format: "debezium", nulls: "sent" },
    fields: { id: "BIGINT", city: "VARCHAR?", n: "BIGINT?" } },
}`;

/** A project whose changelogs follow a database, in processes of their own. */
class Shop {
  readonly server: PostgresServer;
  readonly dir = mkdtempSync(join(tmpdir(), "tidemark-cdc-"));
  readonly random: () => number;
  readonly failures: string[] = [];
  /** What was sent over HTTP, by key. */
  readonly sent = new Map<number, number | null>();
  /** A topic of another's, written by this process; null: nothing is written there. */
  legacy: LegacyTopic | null = null;
  #topicLog: Log | null = null;
  /** Processes that a trap stops meanwhile. */
  stopped: readonly number[] = [];
  readonly #daemons: Daemon[] = [];
  #loading: AbortController | null = null;
  #load: Promise<void> = Promise.resolve();

  private constructor(server: PostgresServer, seed: number) {
    this.server = server;
    this.random = randomOf(seed);
    mkdirSync(join(this.dir, "views"));
    const sources = `{ shop: { postgres: "env:SHOP", slot: "tidemark_shop", heartbeat: "1 second" } }`;
    const config = `{ name: "shop", sources: ${sources}, streams: ${streams}, serve: { port: 0 } }`;
    writeFileSync(join(this.dir, "tidemark.config.mjs"), `export default ${config};`);
    writeFileSync(
      join(this.dir, "views/cities.sql"),
      "SELECT city, count(*) AS n, sum(age) AS age FROM customers GROUP BY city",
    );
  }

  static async open(seed: number, settings: Readonly<Record<string, string>>): Promise<Shop> {
    const server = await startPostgres({ settings });
    await server.sql(tables);
    return new Shop(server, seed);
  }

  /** Begins the topic of another's, which has to be there before it is followed. */
  async openLegacy(): Promise<void> {
    this.#topicLog = await openLog({ data: join(this.dir, ".tidemark") });
    this.legacy = await LegacyTopic.open(this.#topicLog, this.random);
  }

  int(below: number): number {
    return Math.floor(this.random() * below);
  }

  /** Stopped with the shop, at the latest. */
  daemon(verb: string): Daemon {
    const started = new Daemon([verb, "--project", this.dir], { env: { SHOP: this.server.url } });
    this.#daemons.push(started);
    return started;
  }

  verb(...args: readonly string[]): ReturnType<typeof runVerb> {
    return runVerb([...args, "--project", this.dir], 90_000, { env: { SHOP: this.server.url } });
  }

  /** Transactions of every kind, until `stopLoad`. */
  startLoad(): void {
    const stop = new AbortController();
    this.#loading = stop;
    const client = async () => {
      while (!stop.signal.aborted) {
        // serialisation failures and duplicate keys are part of it
        await this.server.sql(this.#transaction()).catch(() => undefined);
        await sleep(this.int(60));
      }
    };
    this.#load = Promise.all([client(), client()]).then(() => undefined);
  }

  async stopLoad(): Promise<void> {
    this.#loading?.abort();
    await this.#load;
  }

  #transaction(): string {
    const statements = Array.from({ length: 1 + this.int(6) }, () => {
      const [id, other] = [this.int(250), this.int(40)];
      const all = [
        `INSERT INTO customers VALUES (${id}, 'c${this.int(4)}', ${this.int(90)}, repeat('y', ${this.int(6000)}))
         ON CONFLICT (id) DO UPDATE SET city = EXCLUDED.city`,
        `UPDATE customers SET age = ${this.int(90)} WHERE id BETWEEN ${id} AND ${id + this.int(10)}`,
        `UPDATE customers SET id = id + 1000 WHERE id = ${id}`,
        `DELETE FROM customers WHERE id = ${id}`,
        `INSERT INTO lines VALUES (${other}, ${this.int(5)}, 's', ${this.int(99)}.25)
         ON CONFLICT (order_id, line) DO UPDATE SET price = EXCLUDED.price`,
        `UPDATE lines SET line = line + 10 WHERE order_id = ${other}`,
        `DELETE FROM lines WHERE order_id = ${other}`,
        "SAVEPOINT a; DELETE FROM customers; ROLLBACK TO a",
      ];
      return all[this.int(all.length)]!;
    });
    if (this.int(60) === 0) statements.push("TRUNCATE lines");
    return `BEGIN; ${statements.join("; ")}; ${this.int(6) === 0 ? "ROLLBACK" : "COMMIT"}`;
  }

  /** What is wrong once the changelogs have come to the end of what was committed; empty: nothing. */
  async settled(): Promise<{ readonly wrong: readonly string[]; readonly records: number; readonly fenced: number }> {
    const verified = await this.verb("sources", "verify", "--values");
    const wrong =
      verified.code === 0 ? [] : [`sources verify ended with ${verified.code}: ${verified.out}${verified.err}`];
    const store = await FolderStore.open(join(this.dir, ".tidemark"));
    const log = await openLog({ data: join(this.dir, ".tidemark") });
    const duck = await Duck.open({ memoryLimit: "4GB" });
    let [records, fenced] = [0, 0];
    try {
      const session = await duck.session();
      const { definition } = (await newestVersion(store))!;
      for (const stream of definition.streams.filter(isChangelog)) {
        const should = this.#shouldBe(stream.name);
        let found = await foldedRecords(session, store, log, stream);
        const differs = () => should !== null && JSON.stringify([...found.rows.values()].sort()) !== should;
        for (let tries = 0; differs() && tries < 60; tries++) {
          await sleep(500);
          found = await foldedRecords(session, store, log, stream);
        }
        records += found.records;
        fenced += found.appended - found.records;
        wrong.push(...found.wrong.slice(0, 3).map((each) => `${stream.name}: ${each}`));
        if (!differs()) continue;
        const incidents = (await incidentsIn(store)).map(({ message }) => message);
        wrong.push(`${stream.name}: ${[...found.rows.values()].sort()} instead of ${should}; ${incidents.join("; ")}`);
      }
    } finally {
      duck.close();
      await log.close();
    }
    const views = await this.verb("verify");
    if (views.code !== 0) wrong.push(`verify ended with ${views.code}: ${views.out}${views.err}`);
    return { wrong, records, fenced };
  }

  /** What is known here of a stream's rows; null: nothing. */
  #shouldBe(stream: string): string | null {
    const sent = () => [...this.sent].flatMap(([id, n]) => (n === null ? [] : [{ id, n }]));
    const all = stream === "sent" ? sent() : stream === "legacy" ? [...(this.legacy?.rows.values() ?? [])] : null;
    return all && JSON.stringify(all.map((row) => JSON.stringify(row)).sort());
  }

  /** Until the source is followed for the first time. */
  async followed(): Promise<void> {
    const verified = await this.verb("sources", "verify");
    if (verified.code !== 0) throw new Error(`${verified.out}${verified.err}`);
  }

  async close(): Promise<void> {
    for (const each of this.#daemons) await each.stop();
    await this.#topicLog?.close();
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Sends rows over HTTP; a request that may or may not have arrived is sent again. */
async function sendRows(shop: Shop, serve: Daemon, requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    const rows = Array.from({ length: 3 }, () => {
      const id = shop.int(50);
      const n = shop.int(5) === 0 ? null : shop.int(1000);
      shop.sent.set(id, n);
      return n === null ? { op: "delete", row: { id } } : { id, n };
    });
    const key = `"${shop.random()}"`;
    for (let tries = 0; ; tries++) {
      try {
        const answer = await fetch(`${await serve.url(20_000)}/v1/streams/sent/events`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "Idempotency-Key": key },
          body: JSON.stringify(rows),
        });
        if (answer.ok) break;
      } catch {
        // sent again
      }
      if (tries > 100) throw new Error("rows can't be sent");
      await sleep(100);
    }
  }
}

/** A process that is stopped for longer has lost its slot and its rows to another. */
const longStopMs = 65_000;
const longStopEvery = 25;

export const cdcKills: Fault = {
  name: "cdc-kills",
  promise: "fold(changelog) = table at one LSN, every `before` right, whatever process is killed, stopped or doubled",
  how: "two tidemark sources, killed or stopped under TOAST, key updates, TRUNCATE, rollbacks, HTTP, Debezium's topic",
  full: 50,
  short: 4,
  run: async ({ n, seed, say }) => {
    const lacking = postgresLacking();
    if (lacking) return { n: 0, failures: [], facts: {}, skipped: lacking };
    const shop = await Shop.open(seed, { wal_sender_timeout: "3s" });
    const facts = {
      kills: 0,
      stops: 0,
      "long stops": 0,
      records: 0,
      "records that did not count": 0,
      "Debezium's repeated": 0,
    };
    const failures: string[] = [];
    try {
      await shop.openLegacy();
      const first = await shop.verb("batch", "--once");
      if (first.code !== 0) throw new Error(first.err);
      const serve = shop.daemon("serve");
      const writers = [shop.daemon("sources"), shop.daemon("sources")];
      const speed = shop.daemon("speed");
      shop.startLoad();
      for (let kill = 1; kill <= n; kill++) {
        const sent = [sendRows(shop, serve, 2), shop.legacy!.send(1 + shop.int(40))];
        await Promise.all([sleep(300 + shop.int(2000)), ...sent]);
        const victim = writers[shop.int(2)]!;
        if (shop.random() < 0.6) {
          victim.kill();
          facts.kills++;
        } else {
          const isLong = kill % longStopEvery === 0;
          await victim.halt(isLong ? longStopMs : 500 + shop.int(5000));
          facts[isLong ? "long stops" : "stops"]++;
        }
        if (kill % 10 === 0) {
          say(`${kill} of ${n}`);
          await shop.verb("batch", "--once", "--incremental");
        }
      }
      await shop.stopLoad();
      const { wrong, records, fenced } = await shop.settled();
      failures.push(...wrong.map((each) => `SEED=${seed} ${each}`));
      facts.records = records;
      facts["records that did not count"] = fenced;
      facts["Debezium's repeated"] = shop.legacy!.repeated;
      for (const each of [serve, speed, ...writers]) await each.stop();
      for (const each of writers)
        failures.push(
          ...each.ends.filter((end) => !end.includes("ended with null")).map((end) => `SEED=${seed} ${end}`),
        );
    } finally {
      await shop.stopLoad();
      await shop.close();
    }
    return { n, failures, facts } satisfies FaultReport;
  },
};

interface Trap {
  readonly name: string;
  /** What the server is made to do. */
  readonly set: (shop: Shop) => Promise<unknown>;
  /** What has to be said of it. */
  readonly said: RegExp;
  /** Takes several seconds to set. */
  readonly isLong?: true;
}

const unseen = "UPDATE customers SET city = 'unseen' WHERE id % 3 = 0; DELETE FROM lines WHERE line = 1";
const slot = "tidemark_shop";
const publication = '"tidemark_shop_shop"';
/** Ends what reads the slot. */
const reader = `pg_terminate_backend(active_pid) FROM pg_replication_slots
  WHERE slot_name = '${slot}' AND active_pid IS NOT NULL`;
const disconnect = `SELECT ${reader}`;
/** Whatever it takes: the slot is taken again at once. */
const seized = (statements: string) => `DO $$ DECLARE done boolean := false; BEGIN
  FOR i IN 1..200 LOOP
    BEGIN
      PERFORM ${reader};
      PERFORM pg_sleep(0.02);
      ${statements}
      done := true; EXIT;
    EXCEPTION WHEN object_in_use THEN NULL;
    END;
  END LOOP;
  IF NOT done THEN RAISE 'the slot was always in use'; END IF;
END $$`;

/** What happens while no one reads the slot. */
async function whileStopped(shop: Shop, work: () => Promise<void>): Promise<void> {
  for (const pid of shop.stopped) process.kill(pid, "SIGSTOP");
  try {
    await work();
  } finally {
    for (const pid of shop.stopped) process.kill(pid, "SIGCONT");
  }
}

const traps: readonly Trap[] = [
  {
    name: "slot dropped",
    set: async ({ server }) => {
      await server.sql(seized(`PERFORM pg_drop_replication_slot('${slot}');`));
      await server.sql(unseen);
    },
    said: /the slot is gone/,
  },
  {
    name: "slot advanced by another",
    set: (shop) =>
      whileStopped(shop, async () => {
        // what was sent before lies in the reader's socket, and is not lost
        await shop.server.sql(disconnect);
        await shop.server.sql(unseen);
        await shop.server.sql(seized(`PERFORM pg_replication_slot_advance('${slot}', pg_current_wal_flush_lsn());`));
      }),
    said: /the slot is at .*, after what the log has/,
  },
  {
    name: "slot dropped and created again",
    set: (shop) =>
      whileStopped(shop, async () => {
        await shop.server.sql(seized(`PERFORM pg_drop_replication_slot('${slot}');`));
        await shop.server.sql(unseen);
        await shop.server.sql(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
      }),
    said: /the slot is (gone|at)|another slot/,
  },
  {
    name: "publication recreated",
    set: ({ server }) =>
      server.sql(
        `DROP PUBLICATION ${publication}; ${unseen}; CREATE PUBLICATION ${publication} FOR TABLE customers, lines`,
      ),
    said: /was dropped and created again|publication .* does not exist/,
  },
  {
    name: "table rewritten",
    set: ({ server }) => server.sql("ALTER TABLE customers ALTER city TYPE text USING upper(city)"),
    said: /customers: (its files are others|its columns changed)/,
  },
  {
    name: "table out of the publication for a while",
    set: async ({ server }) => {
      await server.sql(`ALTER PUBLICATION ${publication} DROP TABLE customers`);
      await server.sql(unseen);
      await sleep(6000);
      await server.sql(`ALTER PUBLICATION ${publication} ADD TABLE customers`);
    },
    said: /customers: (it is in no publication|it was out of the publication)|was altered/,
    isLong: true,
  },
  {
    name: "server restored from a copy",
    set: async ({ server }) => {
      const copied = await server.copy();
      await server.sql(`${unseen}; INSERT INTO customers SELECT i, 'lost', 1 FROM generate_series(5000, 5200) i`);
      await sleep(3000);
      await copied.restore();
    },
    said: /restored from a copy|the slot is at|before what the log has/,
    isLong: true,
  },
  { name: "server promoted", set: ({ server }) => server.promote(), said: /timeline|promoted/, isLong: true },
  {
    name: "WAL removed that the slot needed",
    set: async (shop) => {
      await whileStopped(shop, async () => {
        await shop.server.sql(disconnect);
        await shop.server.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
        await shop.server.sql("SELECT pg_reload_conf()");
        await shop.server.sql(unseen);
        for (let i = 0; i < 4; i++)
          await shop.server.sql(
            "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)); SELECT pg_switch_wal(); CHECKPOINT",
          );
      });
      await shop.server.sql("ALTER SYSTEM RESET max_slot_wal_keep_size");
      await shop.server.sql("SELECT pg_reload_conf()");
    },
    said: /removed WAL that the slot needed/,
    isLong: true,
  },
];

/** How long after it is seen by a poll at the latest it has to be said. */
const saidWithinMs = 10_000;

export const cdcSlots: Fault = {
  name: "cdc-slots",
  promise:
    "what a server does behind the stream's back is said within 10 s and mended by diff; views are never doubled",
  how: `${traps.length} kinds: ${traps.map(({ name }) => name).join(", ")}; and kills in the middle of snapshots`,
  full: traps.length + 20,
  short: 1,
  run: async ({ n, seed, say }) => {
    const lacking = postgresLacking();
    if (lacking) return { n: 0, failures: [], facts: {}, skipped: lacking };
    const shop = await Shop.open(seed, { wal_sender_timeout: "3s" });
    const failures: string[] = [];
    // a single one is to be quick
    const drawn = traps.filter(({ isLong }) => n > 1 || !isLong);
    const trapOf = (i: number) => drawn[(i + seed - 1) % drawn.length]!;
    const facts: Record<string, number> = { "traps said": 0, "longest until said, ms": 0, "kills in a snapshot": 0 };
    try {
      const sources = shop.daemon("sources");
      await shop.followed();
      const first = await shop.verb("batch", "--once");
      if (first.code !== 0) throw new Error(first.err);
      const speed = shop.daemon("speed");
      for (let i = 0; i < n; i++) {
        if (i < traps.length) {
          const trap = trapOf(i);
          shop.startLoad();
          await sleep(n > 1 ? 1500 : 500);
          if (!trap.name.startsWith("server")) await shop.stopLoad();
          shop.stopped = [sources.pid];
          const before = sources.err.length;
          await trap.set(shop);
          const since = performance.now();
          // a poll comes every 5 s
          const told = () => trap.said.test(sources.err.slice(before));
          while (!told() && performance.now() - since < 3 * saidWithinMs) await sleep(50);
          const ms = Math.round(performance.now() - since);
          if (!told())
            failures.push(
              `SEED=${seed} ${trap.name}: nothing was said of it: ${sources.err.slice(before).slice(-600)}`,
            );
          else if (ms > saidWithinMs) failures.push(`SEED=${seed} ${trap.name}: said after ${ms} ms`);
          else facts["traps said"]!++;
          facts["longest until said, ms"] = Math.max(facts["longest until said, ms"]!, ms);
          await shop.stopLoad();
          say(`${trap.name}: ${ms} ms`);
        } else {
          await shop.server.sql(
            `${unseen}; INSERT INTO customers SELECT i, 'k', 1, repeat('z', 2000) FROM generate_series(20000, 22000) i
             ON CONFLICT DO NOTHING`,
          );
          await shop.verb("sources", "resnapshot", "customers");
          await sleep(shop.int(1500));
          sources.kill();
          facts["kills in a snapshot"]!++;
        }
        if (i < traps.length || i === n - 1 || i % 5 === 0) {
          const { wrong } = await shop.settled();
          failures.push(...wrong.map((each) => `SEED=${seed} after ${trapOf(i).name}: ${each}`));
        }
      }
      await sources.stop();
      await speed.stop();
    } finally {
      await shop.stopLoad();
      await shop.close();
    }
    return { n, failures, facts };
  },
};
