/**
 * An outbox read by real processes that are killed, beside what it replaces: a program that writes twice, and one that
 * polls for numbers beyond the last. What was committed, and in which order, is what the server's own test_decoding
 * says.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type PostgresServer, postgresLacking, startPostgres } from "../../demo/postgres/server.ts";
import { openLog } from "../../shared/log/open.ts";
import { Daemon, runVerb } from "./daemon.ts";
import { type Fault, type FaultReport, randomOf } from "./fault.ts";

const tables = `
  CREATE TABLE outbox (seq bigserial, id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text,
    payload jsonb);
  CREATE TABLE polled (seq bigserial, id uuid PRIMARY KEY);
  CREATE TABLE written (id uuid PRIMARY KEY);
  CREATE TABLE go (id uuid PRIMARY KEY);
  SELECT pg_create_logical_replication_slot('witness', 'test_decoding');`;

const config = `export default { name: "shop", serve: { port: 0 },
  sources: { shop: { postgres: "env:SHOP", slot: "tidemark_shop", heartbeat: "1 second", verify: false,
    outbox: { table: "public.outbox", messages: "tidemark.outbox", remove: true } } },
  streams: { orders: { fields: { id: "UUID", type: "VARCHAR", n: "BIGINT" }, id: "id", partitions: 1 } },
};`;

const once = "SELECT count(*) AS events, count(DISTINCT id) AS orders FROM orders";
const arrivedMsMax = 60_000;

class OutboxShop {
  readonly server: PostgresServer;
  readonly dir = mkdtempSync(join(tmpdir(), "tidemark-outbox-"));
  readonly random: () => number;
  readonly facts = { kills: 0, events: 0, "in reverse": 0, "rolled back": 0, messages: 0, "ids again in the log": 0 };
  #next = 0;
  /** Of the poller. */
  #last = 0;
  readonly #polled = new Set<string>();

  private constructor(server: PostgresServer, seed: number) {
    this.server = server;
    this.random = randomOf(seed);
    mkdirSync(join(this.dir, "views"));
    writeFileSync(join(this.dir, "tidemark.config.mjs"), config);
    writeFileSync(join(this.dir, "views/totals.sql"), once);
  }

  static async open(seed: number): Promise<OutboxShop> {
    const server = await startPostgres({ settings: { wal_sender_timeout: "3s" } });
    await server.sql(tables);
    return new OutboxShop(server, seed);
  }

  int(below: number): number {
    return Math.floor(this.random() * below);
  }

  id(): string {
    return `00000000-0000-4000-8000-${String(++this.#next).padStart(12, "0")}`;
  }

  args(...args: readonly string[]): string[] {
    return [...args, "--project", this.dir];
  }

  get env(): { readonly SHOP: string } {
    return { SHOP: this.server.url };
  }

  /** Into the outbox, and into the table of the poller, which keeps its rows. */
  #insert(id: string): string {
    return `INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
      VALUES ('${id}', 'orders', 'a', 'Placed', '{"n": ${this.#next}}'); INSERT INTO polled (id) VALUES ('${id}')`;
  }

  /** A transaction of any kind but the reversed ones. */
  async transaction(): Promise<void> {
    const [id, other] = [this.id(), this.id()];
    const message = { id, aggregatetype: "orders", type: "Sent", payload: { n: this.#next } };
    const emit = `SELECT pg_logical_emit_message(true, 'tidemark.outbox', '${JSON.stringify(message)}')`;
    const kinds = [
      `${this.#insert(id)}; COMMIT`,
      `${this.#insert(id)}; DELETE FROM outbox WHERE id = '${id}'; COMMIT`,
      `${this.#insert(id)}; ${this.#insert(other)}; COMMIT`,
      `SAVEPOINT a; ${this.#insert(other)}; ROLLBACK TO a; ${this.#insert(id)}; COMMIT`,
      `${emit}; COMMIT`,
      `${this.#insert(id)}; ${emit}; ROLLBACK`,
      // one that can't be made into an event blocks none
      `${this.#insert(id)}; INSERT INTO outbox (id, aggregatetype) VALUES ('${other}', 'nowhere'); COMMIT`,
    ];
    const kind = this.int(kinds.length);
    if (kind === 4) this.facts.messages++;
    if (kind === 5) this.facts["rolled back"]++;
    await this.server.sql(`BEGIN; ${kinds[kind]}`);
  }

  /** T1 has the lower number, and commits after T2; in between, the poller asks. */
  async reversed(): Promise<void> {
    const [t1, t2] = [this.id(), this.id()];
    const lock = this.#next;
    const first = this.server.sql(`BEGIN; ${this.#insert(t1)}; SELECT pg_advisory_xact_lock(${lock});
      ${waitFor(`SELECT FROM go WHERE id = '${t1}'`)}; COMMIT`);
    const isInserted = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = ${lock}`;
    await this.server.sql(`${waitFor(isInserted)}; BEGIN; ${this.#insert(t2)}; COMMIT`);
    await this.poll();
    await this.server.sql(`INSERT INTO go VALUES ('${t1}')`);
    await first;
    this.facts["in reverse"]++;
  }

  /** As many programs do: rows with a number beyond the last. */
  async poll(): Promise<void> {
    const rows = await this.server.sql(`SELECT seq, id FROM polled WHERE seq > ${this.#last} ORDER BY seq`);
    for (const row of rows.split("\n").filter(Boolean)) {
      const [seq, id] = row.split("|") as [string, string];
      this.#last = Number(seq);
      this.#polled.add(id);
    }
  }

  /** As many programs do: a row, then its event, or the other way round. @param dies in between */
  async dualWrite(dies: boolean): Promise<void> {
    const id = this.id();
    const writes = [`psql "$SHOP" -XAtqc "INSERT INTO written VALUES ('${id}')"`, `echo ${id} >> "$EVENTS"`];
    if (this.random() < 0.5) writes.reverse();
    const script = `${writes[0]} && ${dies ? "kill -9 $$" : writes[1]}`;
    const killed = promisify(execFile)("sh", ["-c", script], {
      env: { ...process.env, ...this.env, EVENTS: this.events },
    });
    await killed.catch(() => undefined);
  }

  get events(): string {
    return join(this.dir, "events.txt");
  }

  /** What the controls lost. */
  async lost(): Promise<{ readonly byPolling: number; readonly byTwoWrites: number }> {
    await this.poll();
    const ids = async (table: string) => (await this.server.sql(`SELECT id FROM ${table}`)).split("\n").filter(Boolean);
    const events = new Set(
      existsSync(this.events) ? readFileSync(this.events, "utf8").split("\n").filter(Boolean) : [],
    );
    const written = await ids("written");
    const common = written.filter((id) => events.has(id)).length;
    return {
      byPolling: (await ids("polled")).filter((id) => !this.#polled.has(id)).length,
      byTwoWrites: written.length + events.size - 2 * common,
    };
  }

  /** Ids of events in the order in which they were committed, and how many rows are none. */
  async committed(): Promise<{ readonly ids: readonly string[]; readonly letters: number }> {
    const lines = (await this.server.sql("SELECT data FROM pg_logical_slot_peek_changes('witness', NULL, NULL)")).split(
      "\n",
    );
    const found = lines.flatMap((line) => {
      const [, id, stream] =
        /^table public\.outbox: INSERT: .*?id\[uuid\]:'(\S+)' aggregatetype\[text\]:'(\w+)'/.exec(line) ?? [];
      const [, message] = /^message: transactional: 1 prefix: tidemark\.outbox, sz: \d+ content:(.*)$/.exec(line) ?? [];
      if (message !== undefined) return [{ id: (JSON.parse(message) as { id: string }).id, stream: "orders" }];
      return id === undefined ? [] : [{ id, stream: stream! }];
    });
    const ids = found.filter(({ stream }) => stream === "orders").map(({ id }) => id);
    return { ids, letters: found.length - ids.length };
  }

  /** Ids of the log's events that count, once there are as many. */
  async arrived(count: number): Promise<string[]> {
    const log = await openLog({ data: join(this.dir, ".tidemark") });
    const reader = await log.read(
      { name: "orders", topic: "orders", existing: false, partitions: 1 },
      new Map([[0, 0]]),
    );
    const [ids, seen] = [[] as string[], new Set<string>()];
    try {
      for (const until = performance.now() + arrivedMsMax; ids.length < count && performance.now() < until; )
        for (const batch of await reader.next(1 << 20, 200))
          for (const { id, value } of batch.records()) {
            const event = JSON.parse(value!.toString()) as { id: string };
            // a request that the log has twice counts once
            if (seen.has(id!.request)) this.facts["ids again in the log"]++;
            else ids.push(event.id);
            seen.add(id!.request);
          }
    } finally {
      await reader.close();
      await log.close();
    }
    return ids;
  }

  /** What is wrong; empty: nothing. */
  async wrong(): Promise<string[]> {
    const wrong: string[] = [];
    const { ids, letters } = await this.committed();
    this.facts.events = ids.length;
    const arrived = await this.arrived(ids.length);
    if (JSON.stringify(arrived) !== JSON.stringify(ids)) {
      const at = arrived.findIndex((id, i) => id !== ids[i]);
      wrong.push(`${arrived.length} events instead of ${ids.length}; at ${at}: ${arrived[at]} instead of ${ids[at]}`);
    }
    const left = async () => Number(await this.server.sql("SELECT count(*) FROM outbox"));
    for (const until = performance.now() + arrivedMsMax; (await left()) > 0 && performance.now() < until; )
      await sleep(100);
    if ((await left()) > 0) wrong.push(`${await left()} rows of the outbox are left`);
    const [total, listed] = await Promise.all([
      this.#verb("batch", "--once").then(() => this.#verb("query", "SELECT * FROM totals", "--format", "json")),
      this.#verb("sources", "letters", "--json"),
    ]);
    if (!total.out.includes(`"events":${ids.length},"orders":${ids.length}`))
      wrong.push(`a view has ${total.out} ${total.err}`);
    const kept = listed.out.split("\n").filter(Boolean).length;
    if (kept !== letters) wrong.push(`${kept} dead letters instead of ${letters}`);
    return wrong;
  }

  #verb(...args: readonly string[]): ReturnType<typeof runVerb> {
    return runVerb(this.args(...args), 90_000, { env: this.env });
  }

  async close(): Promise<void> {
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A statement that ends once a query has a row. */
function waitFor(query: string): string {
  return `DO $$ BEGIN WHILE NOT EXISTS (${query}) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$`;
}

/** One of this number of programs dies between its two writes. */
const dualDeaths = 3;

export const outbox: Fault = {
  name: "outbox",
  promise: "every event that is committed to an outbox comes once, in commit order, and none that is rolled back",
  how:
    "two tidemark sources, killed -9 at random; transactions that commit in reverse order, roll back, insert and " +
    "delete, emit messages; beside it a dual write and a poller of `id > last`, which lose",
  full: 50,
  short: 2,
  run: async ({ n, seed, say }): Promise<FaultReport> => {
    const lacking = postgresLacking();
    if (lacking) return { n: 0, failures: [], facts: {}, skipped: lacking };
    const shop = await OutboxShop.open(seed);
    const failures: string[] = [];
    const fail = (what: string) => void failures.push(`SEED=${seed} ${what}`);
    try {
      const readers = [0, 1].map(() => new Daemon(shop.args("sources"), { env: shop.env }));
      const isFollowed = "SELECT FROM pg_replication_slots WHERE slot_name = 'tidemark_shop' AND active";
      await shop.server.sql(waitFor(isFollowed));
      for (let round = 0; round < n; round++) {
        const kill = async (ms: number, victim: Daemon) => {
          await sleep(ms);
          victim.kill();
          shop.facts.kills++;
        };
        await Promise.all([
          shop.reversed(),
          shop.dualWrite(round % dualDeaths === 0),
          shop.transaction().then(() => shop.transaction()),
          shop.transaction(),
          kill(shop.int(1200), readers[shop.int(2)]!),
        ]);
        if (round % 10 === 9) say(`${round + 1} of ${n}`);
      }
      for (const each of await shop.wrong()) fail(each);
      const lost = await shop.lost();
      if (lost.byPolling < shop.facts["in reverse"]) fail(`the poller missed ${lost.byPolling} only: no control`);
      if (lost.byTwoWrites < n / dualDeaths) fail(`dual writes lost ${lost.byTwoWrites} only: no control`);
      for (const each of readers) {
        await each.stop();
        for (const end of each.ends) if (!end.includes("ended with null")) fail(end);
      }
      const facts = {
        ...shop.facts,
        "missed by the poller": lost.byPolling,
        "come apart by dual writes": lost.byTwoWrites,
      };
      return { n, failures, facts };
    } finally {
      await shop.close();
    }
  },
};
