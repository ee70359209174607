import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { brokerAvailable } from "../../demo/broker/broker.ts";
import { scratch, startBuilt } from "../cli/tidemark.ts";
import { skipsPostgres } from "../support/postgres.ts";
import { isFull } from "../support/share.ts";

/** A folder for all that the demo makes; its server's own user has to get through. */
function openFolder(): string {
  const outer = scratch();
  const folder = join(outer, "tmp");
  mkdirSync(folder);
  for (const each of [outer, folder]) chmodSync(each, 0o755);
  return folder;
}

const start = (folder: string, ...args: readonly string[]) =>
  startBuilt("demo/shop/main.js", args, { env: { TMPDIR: folder } });

async function expectShop(log: "embedded" | "kafka"): Promise<void> {
  const folder = openFolder();
  const { code, out, err } = await start(folder, "--log", log, "--transactions", "300").done;
  expect(code, `${out}\n${err}`).toBe(0);
  // without the log: lost, and different each time
  expect(out).toMatch(/a search for "parka" finds nothing/);
  expect(out.match(/database "named \d by B" +search index "named \d by A" +DIFFERENT/g)).toHaveLength(3);
  expect(out).toMatch(/4 of 4 products differ, for ever/);
  // through it: equal
  expect(out.match(/database "(arctic parka|named \d by B)" +search index "\1" +equal/g)).toHaveLength(4);
  expect(out).toMatch(/a search for "parka" finds P-0000 and P-0100/);
  expect(out).toMatch(/Tidemark-Wait-For: shop@[0-9A-F]+\/[0-9A-F]+\n +\{"id":1,"name":"[^"]+","city":"Reykjavík"\}/);
  expect(out).toMatch(/version 1: [1-9][\d,]* changes and events from batch \+ /);
  expect(out).toMatch(/committed: [1-9]\d* × order placed, /);
  for (const table of ["customers", "products", "orders"]) {
    expect(out).toMatch(new RegExp(`^ +${table} +[1-9][\\d,]* rows, equal {4}the table$`, "m"));
    expect(out).toMatch(new RegExp(`^ +${table}: [1-9]\\d* rows at [^ ]+, equal$`, "m"));
  }
  for (const view of ["cities", "days", "revenue", "statuses", "stock"]) {
    expect(out).toMatch(new RegExp(`^ +${view} +[1-9]\\d* rows, equal {4}`, "m"));
    expect(out).toMatch(new RegExp(`^ +${view}: [1-9]\\d* rows, equal$`, "m"));
  }
  expect(out).toMatch(
    /outbox +[1-9]\d* events: each order that was committed, and each that was cancelled, once; no other/,
  );
  expect(out).toMatch(/index +[1-9]\d* rows, equal/);
  expect(out).toMatch(/a search for "waterproof jackets" finds [1-9]\d* products, as reading all of the database does/);
  expect(out).toMatch(/^ +search: [1-9]\d* rows at [^ ]+, equal$/m);
  expect(out).toMatch(/Equal, in \d+ s\./);
  expect(readdirSync(folder)).toEqual([]);
}

describe.skipIf(skipsPostgres("the demo of a shop"))("the demo of a shop", () => {
  it("shows dual writes that come apart, and the log by which nothing does", { timeout: 240_000 }, () =>
    expectShop("embedded"),
  );

  it("runs on a real broker", { timeout: 240_000 }, async (context) => {
    const lacking = brokerAvailable();
    if (isFull && lacking && process.env.CI === "true") throw new Error(`Kafka cannot be tested here: ${lacking}`);
    context.skip(!isFull || lacking !== null, lacking ?? "FULL=1 runs it");
    await expectShop("kafka");
  });

  it.skipIf(!isFull).each(["SIGTERM", "SIGKILL"] as const)(
    "leaves nothing behind when it ends by %s",
    async (signal) => {
      const folder = openFolder();
      const demo = start(folder);
      await demo.wrote(/The shop at work/);
      expect(readdirSync(folder).length).toBeGreaterThan(1);
      demo.child.kill(signal);
      const { code } = await demo.done;
      expect(code).toBe(signal === "SIGTERM" ? 143 : null);
      await expect.poll(() => readdirSync(folder)).toEqual([]);
    },
  );
});

it("says in one line what is to be installed", async () => {
  const folder = openFolder();
  const demo = startBuilt("demo/shop/main.js", [], { env: { TMPDIR: folder, POSTGRES_BIN: join(folder, "none") } });
  const { code, out, err } = await demo.done;
  expect(code).toBe(1);
  expect(out).toBe("");
  expect(err).toMatch(/^error: no PostgreSQL server can be started here: .*apt-get install postgresql-15.*\n$/);
});

it("make demo-shop is what the README says, and every question of PostgreSQL's is of a view", () => {
  expect(readFileSync("Makefile", "utf8")).toMatch(
    /^demo-shop:.*\n\tnode dist\/demo\/shop\/main.js \$\(if \$\(LOG\),--log \$\(LOG\)\)$/m,
  );
  for (const file of readdirSync("demo/shop/in-postgres")) expect(existsSync(join("demo/shop/views", file))).toBe(true);
});
