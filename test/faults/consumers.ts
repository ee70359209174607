/** Consumers' stores kept by real processes that are killed, stopped and doubled, while the views change. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { postgresLacking, startPostgres } from "../../demo/postgres/server.ts";
import { redisLacking, startRedis } from "../support/redis.ts";
import { Daemon, runVerb } from "./daemon.ts";
import { type Fault, type FaultReport, randomOf } from "./fault.ts";

const streams = `{
  products: { kind: "changelog", key: "id", partitions: 2,
    fields: { id: "BIGINT", name: "VARCHAR?", kind: "VARCHAR?", price: "DECIMAL(12,2)?", weight: "DOUBLE?" } },
}`;

const consumers = `{
  found: { from: "products",
    to: { postgres: "env:PG", table: "public.found", search: { of: ["name"], language: "english" } } },
  kinds: { from: "kinds", to: { postgres: "env:PG", table: "public.kinds" } },
  cached: { from: "products", to: { redis: "env:REDIS", prefix: "product:" } },
  stale: { from: "kinds", to: { redis: "env:REDIS", prefix: "kind:", keep: "nothing" } },
}`;
const names = ["found", "kinds", "cached", "stale"];

/** The view means the one and the other in turn. */
const meanings = [
  "SELECT kind, count(*) AS n, sum(price) AS price, avg(weight) AS weight FROM products GROUP BY kind",
  `SELECT kind, count(*) AS n, max(price) AS price, avg(weight) AS weight, min(name) AS first
   FROM products GROUP BY kind HAVING count(*) > 1`,
];

/** How long they may take to be where the log ends. */
const settledMsMax = 60_000;
/** A process that is stopped for longer has lost its stores to another. */
const longStopMs = 35_000;
const longStopEvery = 25;
const ids = 300;

export const consumerKills: Fault = {
  name: "consumers",
  promise:
    "a consumer's store is its view at the position that it states, whatever is killed, stopped, doubled or changed",
  how: "two tidemark deliver, killed -9 or stopped, both servers restarted, batch runs, rebuilds, rollbacks, other SQL",
  full: 50,
  short: 3,
  run: async ({ n, seed, say }): Promise<FaultReport> => {
    const lacking = postgresLacking() ?? redisLacking();
    if (lacking) return { n: 0, failures: [], facts: {}, skipped: lacking };
    const random = randomOf(seed);
    const int = (below: number) => Math.floor(random() * below);
    const dir = mkdtempSync(join(tmpdir(), "tidemark-consumers-"));
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const env = { PG: postgres.url, REDIS: redis.url };
    const failures: string[] = [];
    const facts = { kills: 0, stops: 0, "long stops": 0, restarts: 0, versions: 0, rollbacks: 0, compared: 0, rows: 0 };
    let meaning = 0;
    const write = () => writeFileSync(join(dir, "views/kinds.sql"), meanings[meaning]!);
    const verb = (...args: string[]) => runVerb([...args, "--project", dir], 90_000, { env });
    const must = async (...args: string[]) => {
      const ended = await verb(...args);
      if (ended.code !== 0) failures.push(`SEED=${seed} ${args.join(" ")} ended with ${ended.code}: ${ended.err}`);
      return ended;
    };
    const daemons: Daemon[] = [];
    const daemon = (name: string) => {
      const started = new Daemon([name, "--project", dir], { env });
      daemons.push(started);
      return started;
    };
    try {
      mkdirSync(join(dir, "views"));
      const config = `{ name: "shop", streams: ${streams}, consumers: ${consumers}, serve: { port: 0 } }`;
      writeFileSync(join(dir, "tidemark.config.mjs"), `export default ${config};`);
      write();
      await must("batch", "--once");
      const serve = daemon("serve");
      for (const each of ["speed", "sources"]) daemon(each);
      const keepers = [daemon("deliver"), daemon("deliver")];
      const compare = async (when: string) => {
        for (const name of names) {
          const { code, out, err } = await verb("verify", "--consumer", name, "--values", "--json");
          // it may not have been filled yet, or not since the view means something else
          if (code !== 0 && /CONSUMER_UNFILLED/.test(err)) continue;
          facts.compared++;
          if (code === 0) facts.rows += Number(/"rows":(\d+)/.exec(out)?.[1]);
          else failures.push(`SEED=${seed} ${when}: ${name}: ${out}${err}`);
        }
      };
      for (let kill = 1; kill <= n; kill++) {
        await sendChanges(serve, int, random);
        await sleep(int(1500));
        const chance = random();
        const victim = keepers[int(2)]!;
        if (kill % longStopEvery === 0) {
          await victim.halt(longStopMs);
          facts["long stops"]++;
        } else if (chance < 0.6) {
          victim.kill();
          facts.kills++;
        } else if (chance < 0.8) {
          await victim.halt(200 + int(3000));
          facts.stops++;
        } else {
          await (random() < 0.5 ? postgres : redis).restart();
          facts.restarts++;
        }
        if (kill % 5 === 3) {
          const how = int(4);
          if (how === 0) await must("batch", "--once", "--incremental");
          else if (how === 1) {
            meaning = 1 - meaning;
            write();
            const would = await verb("diff", "kinds");
            if (would.code !== 1 || !/^kinds: column price is DECIMAL/.test(would.out))
              failures.push(`SEED=${seed} diff ended with ${would.code}: ${would.out}${would.err}`);
            await must("batch", "--once");
          } else if (how === 2) await must("rebuild", "--full-speed");
          else {
            const versions = JSON.parse((await must("versions", "--json")).out) as { version: number }[];
            const chosen = versions[int(versions.length)];
            if (chosen) await must("rollback", String(chosen.version));
            facts.rollbacks++;
          }
          facts.versions++;
        }
        if (kill % 5 === 0 || kill === n) {
          await compare(`after ${kill}`);
          say(`${kill} of ${n}`);
        }
      }
      await settled(verb);
      await compare("at the end");
      for (const each of daemons) await each.stop();
      for (const each of keepers)
        failures.push(
          ...each.ends.filter((end) => !end.includes("ended with null")).map((end) => `SEED=${seed} ${end}`),
        );
    } finally {
      for (const each of daemons) await each.stop();
      await postgres.stop();
      await redis.stop();
      rmSync(dir, { recursive: true, force: true });
    }
    return { n, failures, facts };
  },
};

async function sendChanges(serve: Daemon, int: (below: number) => number, random: () => number): Promise<void> {
  const rows = Array.from({ length: 1 + int(60) }, () => {
    const id = int(ids);
    const row = { id, name: `${["red", "running", "heavy"][int(3)]} thing ${int(9)}`, price: `${int(99)}.25` };
    const chance = random();
    if (chance < 0.15) return { op: "delete", row: { id } };
    if (chance < 0.35) return { op: "patch", row: { id, kind: random() < 0.3 ? null : `kind ${int(12)}` } };
    return { ...row, kind: random() < 0.1 ? null : `kind ${int(12)}`, weight: random() * 10 };
  });
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch(`${await serve.url(20_000)}/v1/streams/products/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": `"${random()}"` },
        body: JSON.stringify(rows),
      });
      if (answer.ok) return;
    } catch {
      // sent again, which may write the same rows twice
    }
    if (tries > 100) throw new Error("rows can't be sent");
    await sleep(100);
  }
}

/** Until all consumers state the same, and nothing is wrong with them. */
async function settled(verb: (...args: string[]) => ReturnType<typeof runVerb>): Promise<void> {
  const until = Date.now() + settledMsMax;
  for (let before = ""; Date.now() < until; await sleep(1000)) {
    const { out } = await verb("deliver", "status", "--json");
    const all = JSON.parse(out) as { position: string | null; troubles: string[] }[];
    const isWell = all.every(({ position, troubles }) => position !== null && troubles.length === 0);
    if (isWell && out === before && new Set(all.map(({ position }) => position)).size === 1) return;
    before = out;
  }
}
