import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Duck, quoteText } from "../../shared/duckdb/duck.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import type { Head } from "../../shared/store/layout.ts";
import { seal, unseal } from "../../shared/store/sealed.ts";
import { folder } from "../project/project-folder.ts";
import { outputOf, scratch, start, startBuilt, tidemark } from "./tidemark.ts";

const config = `import { defineConfig } from "tidemark";
export default defineConfig({
  name: "shop",
  streams: { sales: { fields: { shop: "VARCHAR", cents: "BIGINT", at: "TIMESTAMP?" }, key: "shop", partitions: 3 } },
});
`;
const byShop =
  "-- Turnover by shop.\nSELECT shop, count(*) AS sales, sum(cents) AS cents, round(avg(cents), 2) AS mean FROM sales GROUP BY shop\n";

function shop(views: Record<string, string> = { "views/by_shop.sql": byShop }): string {
  return folder({ "tidemark.config.ts": config, ...views });
}

const sale = (n: number) => JSON.stringify({ shop: `s${n % 7}`, cents: n, at: "2026-01-01 00:00:00" });

describe("the verbs, one after the other", () => {
  it("init, load, batch, query, status, explain, verify, versions, rollback", async () => {
    const dir = join(scratch(), "fresh");
    await outputOf("init", dir);
    const project = ["--project", dir];
    const events = readFileSync(join(dir, "events/visits.ndjson"), "utf8");

    expect(await outputOf("status", ...project)).toMatch(/no version yet/);
    expect(await outputOf("load", "visits", join(dir, "events/visits.ndjson"), ...project)).toMatch(
      /^visits@(0:\d+,1:\d+)\n$/,
    );
    expect(await outputOf("batch", "--once", ...project)).toBe("1\n");
    const rows = JSON.parse(
      await outputOf("query", "SELECT page, visits, slowest_ms FROM pages ORDER BY page", "--json", ...project),
    ) as unknown[];
    const truth = new Map<string, { page: string; visits: number; slowest_ms: number }>();
    for (const line of events.trim().split("\n")) {
      const { page, ms } = JSON.parse(line) as { page: string; ms: number };
      const row = truth.get(page) ?? { page, visits: 0, slowest_ms: 0 };
      truth.set(page, { page, visits: row.visits + 1, slowest_ms: Math.max(row.slowest_ms, ms) });
    }
    expect(rows).toEqual([...truth.values()].sort((a, b) => (a.page < b.page ? -1 : 1)));
    expect(await outputOf("query", "SELECT sum(visits) AS n FROM pages", "--format", "csv", ...project)).toBe(
      "n\r\n40\r\n",
    );
    expect(
      await outputOf(
        "query",
        "SELECT 1 AS one, NULL AS none, '' AS empty, 'a,\"b' AS text",
        "--format",
        "csv",
        ...project,
      ),
    ).toBe('one,none,empty,text\r\n1,,"","a,""b"\r\n');
    expect(await outputOf("query", "SELECT 9007199254740993 AS n, 1.10 AS d", "--format", "ndjson", ...project)).toBe(
      '{"n":9007199254740993,"d":1.10}\n',
    );
    const table = await tidemark("query", "SELECT page FROM pages ORDER BY page LIMIT 1", ...project);
    expect(table.out.split("\n")).toEqual(["page", "────", "/", ""]);
    expect(table.err).toMatch(/^1 row, exact at visits@0:\d+,1:\d+ \(version 1\)\n$/);
    expect(await outputOf("explain", "pages", ...project)).toMatch(
      /avg\(ms\)\n {4}group[\s\S]*-- partial[\s\S]*GROUP BY 1/,
    );
    const verified = await tidemark("verify", ...project);
    expect(verified.out).toBe(
      `hours: ${(await outputOf("query", "SELECT * FROM hours", "--format", "ndjson", ...project)).trim().split("\n").length} rows, equal\npages: 5 rows, equal\n`,
    );
    expect(verified.code).toBe(0);
    expect(await outputOf("rollback", "1", ...project)).toBe("2\n");
    const versions = JSON.parse(await outputOf("versions", "--json", ...project)) as {
      version: number;
      cause: string;
    }[];
    expect(versions.map(({ version, cause }) => [version, cause])).toEqual([
      [0, "origin"],
      [1, "batch"],
      [2, "rollback"],
    ]);
    const status = JSON.parse(await outputOf("status", "--json", ...project)) as {
      serving: { deadLetters: number; events: unknown };
      differs: string[];
    };
    expect(status.serving).toMatchObject({ deadLetters: 0, events: { batch: 40, speed: 0 } });
    expect(status.differs).toEqual([]);
  });

  it("100 malformed records in a load of 10,000: 9,900 counted, 100 dead letters, in batch and speed alike", async () => {
    const dir = shop();
    const kinds = [
      "{",
      "",
      '{"shop":"x"}',
      '{"shop":1,"cents":2}',
      '{"shop":"x","cents":"3"}',
      "[1]",
      '{"shop":"x","cents":1.5}',
      "null",
      '{"shop":"x","cents":9223372036854775808}',
      '{"shop":"x","cents":1,"at":"yesterday"}',
    ];
    const lines = Array.from({ length: 10_000 }, (_, n) =>
      n % 100 === 50 ? kinds[Math.floor(n / 100) % kinds.length]! : sale(n),
    );
    const blank = lines.filter((line) => line === "").length;
    // an empty line is no record to NDJSON: those come from elsewhere
    const input = lines.map((line) => (line === "" ? "nothing" : line)).join("\n");
    const loaded = await startBuilt("cli/main.js", ["load", "sales", "-", "--accept-dead", "--project", dir], {
      input,
    }).done;
    expect(loaded.err).toMatch(/and 90 more; .*\n9900 events appended to sales, and 100 dead letters\n$/);
    expect(loaded.code).toBe(0);
    expect(blank).toBe(10);
    const speed = start("speed", "--project", dir);
    await speed.wrote(/version 0/);
    const deadLetters = async () => {
      const found = JSON.parse(await outputOf("status", "--json", "--project", dir)) as {
        streams: { behind: number }[];
        serving: { deadLetters: number; events: { batch: number; speed: number } };
      };
      return { ...found.serving.events, dead: found.serving.deadLetters, behind: found.streams[0]!.behind };
    };
    await expect.poll(deadLetters, { timeout: 20_000 }).toEqual({ batch: 0, speed: 9900, dead: 100, behind: 0 });
    expect(await outputOf("query", "SELECT sum(sales) AS n FROM by_shop", "--format", "csv", "--project", dir)).toBe(
      "n\r\n9900\r\n",
    );
    await outputOf("batch", "--once", "--project", dir);
    await expect.poll(deadLetters, { timeout: 20_000 }).toEqual({ batch: 9900, speed: 0, dead: 100, behind: 0 });
    expect((await speed.stop()).code).toBe(143);
    expect((await tidemark("verify", "--project", dir)).code).toBe(0);
  });
});

describe("verify says so", () => {
  /** A project with a version of 2,000 events and a delta of 1,000 more in several entries. */
  async function layered(): Promise<{ dir: string; data: string }> {
    const dir = shop();
    const load = (from: number, upto: number) =>
      startBuilt("cli/main.js", ["load", "sales", "-", "--project", dir], {
        input: Array.from({ length: upto - from }, (_, i) => sale(from + i)).join("\n"),
      }).done;
    await load(0, 2000);
    await outputOf("batch", "--once", "--project", dir);
    for (let from = 2000; from < 3000; from += 500) {
      await load(from, from + 500);
      const speed = start("speed", "--project", dir);
      await speed.wrote(/version 1/);
      await expect
        .poll(
          async () =>
            (
              JSON.parse(await outputOf("status", "--json", "--project", dir)) as {
                serving: { events: { speed: number } };
              }
            ).serving.events.speed,
          { timeout: 20_000 },
        )
        .toBe(from - 1500);
      await speed.stop();
    }
    expect((await tidemark("verify", "--project", dir)).code).toBe(0);
    return { dir, data: join(dir, ".tidemark") };
  }

  function files(data: string, under: string, ending: string): string[] {
    return readdirSync(join(data, under), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(ending))
      .map((name) => join(data, under, name))
      .sort();
  }

  it("when an entry is removed, altered, or its file is; when a version's or the archive's file is", async () => {
    const { dir, data } = await layered();
    const damage = async (file: string, change: (bytes: Buffer) => Buffer | null, said: RegExp) => {
      const bytes = readFileSync(file);
      const changed = change(Buffer.from(bytes));
      if (changed) writeFileSync(file, changed);
      else rmSync(file);
      const { code, err } = await tidemark("verify", "--project", dir);
      writeFileSync(file, bytes);
      expect(err, file).toMatch(said);
      expect(code, file).toBe(1);
    };
    const flip = (bytes: Buffer) => {
      bytes[bytes.length >> 1]! ^= 4;
      return bytes;
    };
    const head = files(data, "deltas/00000001/0", "HEAD").at(-1)!;
    const entry = files(data, "deltas/00000001/0", "by_shop.parquet").at(-1)!;
    await damage(entry, flip, /by_shop.parquet has another hash .*\[STORE_CORRUPT\]/);
    await damage(entry, (bytes) => bytes.subarray(0, -3), /has \d+ bytes instead of \d+.*\[STORE_CORRUPT\]/);
    await damage(entry, () => null, /is missing from the store.*\[STORE_MISSING\]/);
    await damage(head, flip, /HEAD is torn or altered.*\[STORE_CORRUPT\]/);
    await damage(files(data, "version-files", "by_shop.parquet").at(-1)!, flip, /\[STORE_CORRUPT\]/);
    await damage(files(data, "archive/sales", ".parquet").at(-1)!, flip, /archive\/sales.*\[STORE_CORRUPT\]/);
    expect((await tidemark("verify", "--project", dir)).code).toBe(0);

    // a cleverer hand leaves every hash right: an entry that is gone makes a gap, an altered one other rows
    const resealed = async (change: (head: Head) => Head | Promise<Head>, said: RegExp) => {
      const before = readFileSync(head, "utf8");
      writeFileSync(head, seal(await change(unseal<Head>(before, "HEAD"))));
      const { code, out, err } = await tidemark("verify", "--project", dir);
      writeFileSync(head, before);
      expect(out + err).toMatch(said);
      expect(code).toBe(1);
    };
    await resealed(
      (found) => ({ ...found, entries: found.entries.slice(1) }),
      /does not start where the one before ended.*\[STORE_GAP\]/,
    );
    await resealed(
      (found) => ({ ...found, entries: found.entries.slice(0, -1) }),
      /its position is not where its last entry ends.*\[STORE_GAP\]/,
    );
    await resealed(async (found) => {
      const last = found.entries.at(-1)!;
      const name = `${last.views.by_shop!.file!.name}.altered`;
      const store = await FolderStore.open(data);
      const duck = await Duck.open();
      const session = await duck.session();
      const from = `read_parquet(${quoteText(store.path(last.views.by_shop!.file!.name))})`;
      const scratch = store.scratch("altered");
      await session.run(
        `COPY (SELECT * REPLACE (CASE WHEN k0 = 's3' THEN p0 + 1 ELSE p0 END AS p0) FROM ${from}) TO ${quoteText(scratch)} (FORMAT parquet)`,
      );
      session.close();
      duck.close();
      const file = await store.publish(scratch, name, { durable: false });
      const views = { ...last.views, by_shop: { ...last.views.by_shop!, file } };
      return { ...found, entries: [...found.entries.slice(0, -1), { ...last, views }] };
    }, /by_shop: 1 row DIFFERS[\s\S]*differs in sales; --values shows the rows/);
  });
});
