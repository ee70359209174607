/** A database without changes beside one with many: what is kept of the server's WAL for it stays small. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, postgresLacking, startPostgres } from "../../demo/postgres/server.ts";
import { Daemon, runVerb } from "./daemon.ts";
import type { Fault, FaultReport } from "./fault.ts";

const slot = "tidemark_shop";
const keptMbMax = 64;
/** An hour with 1,000 MB, and heartbeats of 10 s, in this share of the time. */
const share = 1 / 20;
const heartbeatMs = 10_000 * share;
const mbPerSecond = 1000 / (3600 * share);

export const cdcIdle: Fault = {
  name: "cdc-idle",
  promise: "an idle database keeps less than 64 MB of WAL, however much another one writes",
  how: "a database without changes; N MB written to another one of its server, an hour's 1,000 MB in 3 minutes",
  full: 1000,
  short: 60,
  run: async ({ n, seed, say }): Promise<FaultReport> => {
    const lacking = postgresLacking();
    if (lacking) return { n: 0, failures: [], facts: {}, skipped: lacking };
    // segments of 16 MB are kept until the next checkpoint
    const server = await startPostgres({ settings: { checkpoint_timeout: "30s", max_wal_size: "64MB" } });
    const dir = mkdtempSync(join(tmpdir(), "tidemark-idle-"));
    let sources: Daemon | null = null;
    try {
      await server.sql(
        "CREATE TABLE customers (id bigint PRIMARY KEY, city text); INSERT INTO customers VALUES (1, 'Bern')",
      );
      await server.sql("CREATE DATABASE other");
      mkdirSync(join(dir, "views"));
      const source = `{ postgres: "env:SHOP", slot: "${slot}", heartbeat: "${heartbeatMs / 1000} seconds" }`;
      const stream = `{ kind: "changelog", from: "shop:public.customers", key: "id", partitions: 1,
        fields: { id: "BIGINT", city: "VARCHAR?" } }`;
      const config = `{ name: "shop", sources: { shop: ${source} }, streams: { customers: ${stream} } }`;
      writeFileSync(join(dir, "tidemark.config.mjs"), `export default ${config};`);
      const [args, env] = [["--project", dir], { SHOP: server.url }];
      const first = await runVerb(["batch", "--once", ...args], 60_000, { env });
      if (first.code !== 0) throw new Error(first.err);
      sources = new Daemon(["sources", ...args], { env });
      const verified = await runVerb(["sources", "verify", ...args], 90_000, { env });
      if (verified.code !== 0) throw new Error(`${verified.out}${verified.err}`);
      const { most, written } = await whileWriting(server, n, say);
      const failures = most < keptMbMax ? [] : [`SEED=${seed} ${most} MB were kept`];
      if (written < n) failures.push(`only ${written} MB were written`);
      return { n, failures, facts: { "MB written": written, "MB kept, most": most } };
    } finally {
      await sources?.stop();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

/** What the slot kept at most, and what was written meanwhile, MB. */
async function whileWriting(server: PostgresServer, mb: number, say: (line: string) => void) {
  const number = async (sql: string) => Number((await server.sql(`SELECT (${sql})`)).trim());
  const begin = await number("pg_current_wal_lsn() - '0/0'::pg_lsn");
  const written = async () => ((await number("pg_current_wal_lsn() - '0/0'::pg_lsn")) - begin) / 2 ** 20;
  await server.sql("\\c other\nCREATE TABLE bulk (t text)");
  const begun = performance.now();
  let most = 0;
  for (let said = 0; ; ) {
    const now = await written();
    const kept = `pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = '${slot}'`;
    most = Math.max(most, (await number(`SELECT ${kept}`)) / 2 ** 20);
    if (now >= mb) return { most: Math.round(most * 10) / 10, written: Math.round(now) };
    if (now - said >= 100) say(`${Math.round(now)} of ${mb} MB, ${most.toFixed(1)} MB kept at most`);
    if (now - said >= 100) said = now;
    const due = ((performance.now() - begun) / 1000) * mbPerSecond;
    if (now < due)
      await server.sql("\\c other\nINSERT INTO bulk SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
    else await sleep(100);
  }
}
