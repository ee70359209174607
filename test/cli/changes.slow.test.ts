/**
 * A project that changes while it lives: two streams, a reference table, edited views, grown fields, and
 * questions about the past.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder } from "../project/project-folder.ts";
import { outputOf, start, tidemark } from "./tidemark.ts";

const config = (fields: string) => `import { defineConfig } from "tidemark";
export default defineConfig({
  name: "shop",
  streams: {
    sales: { fields: ${fields}, partitions: 2 },
    visits: { fields: { shop: "VARCHAR", who: "VARCHAR?" }, partitions: 1 },
  },
});
`;
const fields = '{ shop: "VARCHAR", cents: "INTEGER" }';
const views = {
  "views/activity.sql":
    "SELECT shop, count(*) FILTER (WHERE kind = 'sale') AS sales, count(*) AS all_of FROM (SELECT shop, 'sale' AS kind FROM sales UNION ALL SELECT shop, 'visit' FROM visits) GROUP BY shop",
  "views/by_city.sql":
    "SELECT city, count(*) AS sales, sum(cents) AS cents FROM sales LEFT JOIN shops USING (shop) GROUP BY city",
  "views/latest.sql": "SELECT shop, last(cents) AS latest, arg_max(cents, cents) AS top FROM sales GROUP BY shop",
  "views/people.sql": "SELECT approx_count_distinct(who) AS people, approx_top_k(shop, 1) AS top FROM visits",
};
const sale = (n: number) => JSON.stringify({ shop: `s${n % 3}`, cents: n });
const visit = (n: number) => JSON.stringify({ shop: `s${n % 2}`, who: `w${n % 5}` });
const lines = (from: number, upto: number, line: (n: number) => string) =>
  Array.from({ length: upto - from }, (_, i) => `${line(from + i)}\n`).join("");

describe("a project that changes", { timeout: 240_000 }, () => {
  it("is exact before and after, and shows what would change", async () => {
    const dir = folder({
      "tidemark.config.ts": config(fields),
      "reference/shops.csv": "shop,city\ns0,Oslo\ns1,Bergen\n",
      "events/sales.ndjson": lines(0, 30, sale),
      "events/visits.ndjson": lines(0, 20, visit),
      "events/more.ndjson": lines(30, 45, sale),
      ...views,
    });
    const project = ["--project", dir];
    const query = async (sql: string, ...more: string[]) =>
      JSON.parse(await outputOf("query", sql, "--json", ...more, ...project)) as unknown[];
    const verified = async () => {
      const { code, out } = await tidemark("verify", ...project);
      expect(code, out).toBe(0);
      return out;
    };
    await outputOf("load", "sales", join(dir, "events/sales.ndjson"), ...project);
    await outputOf("load", "visits", join(dir, "events/visits.ndjson"), ...project);
    expect(await outputOf("batch", "--once", ...project)).toBe("1\n");
    const cities = [
      { city: "Bergen", sales: 10, cents: 145 },
      { city: "Oslo", sales: 10, cents: 135 },
      { city: null, sales: 10, cents: 155 },
    ];
    expect(await query("FROM by_city ORDER BY city")).toEqual(cities);
    expect(await query("FROM activity ORDER BY shop LIMIT 1")).toEqual([{ shop: "s0", sales: 10, all_of: 20 }]);
    expect(await query("FROM people")).toEqual([{ people: 5, top: ["s0"] }]);
    expect(await verified()).toMatch(/latest: 3 rows, equal\npeople: 1 row, equal \(sketches as partials/);
    expect(await outputOf("explain", "latest", ...project)).toMatch(
      /coordination: needs the log's order; not monotone\n {2}"?last"?\(cents\) asks which event came first/i,
    );
    expect(await outputOf("explain", "activity", ...project)).toMatch(/coordination: free of it; monotone/);

    // a table and a view change: what would change is shown first
    writeFileSync(join(dir, "reference/shops.csv"), "shop,city\ns0,Oslo\ns1,Bergen\ns2,Oslo\n");
    writeFileSync(join(dir, "views/latest.sql"), views["views/latest.sql"].replace("last(cents)", "first(cents)"));
    const diff = await tidemark("diff", "by_city", ...project);
    expect(diff.code).toBe(1);
    expect(diff.out).toMatch(/^by_city: of 3 served rows 1 change and 1 go; 0 are new\n/);
    expect((await tidemark("diff", "activity", ...project)).out).toBe(
      "activity: 3 rows, the same in the columns that both have\n",
    );
    expect(await query("FROM by_city ORDER BY city")).toEqual(cities);

    await outputOf("load", "sales", join(dir, "events/more.ndjson"), ...project);
    const folded = await tidemark("batch", "--once", "--incremental", ...project);
    expect(folded.out).toBe("2\n");
    expect(folded.err).toMatch(/view activity: folded in the events since version 1/);
    expect(folded.err).toMatch(/view by_city: recomputed: it has changed/);
    expect(folded.err).toMatch(/view people: linked from version 1: neither it nor its events have changed/);
    expect(await query("FROM by_city ORDER BY city")).toEqual([
      { city: "Bergen", sales: 15, cents: 330 },
      { city: "Oslo", sales: 30, cents: 660 },
    ]);
    await verified();

    // the past: by version and by position
    expect(await query("FROM by_city ORDER BY city", "--version", "1")).toEqual(cities);
    const at = await tidemark(
      "query",
      "SELECT sum(sales) AS n FROM activity",
      "--position",
      "sales@0:3,1:2",
      ...project,
    );
    expect(at.out).toMatch(/\b5\b/);
    expect(at.err).toMatch(/exact at sales@0:3,1:2;visits@0:0 \(version 0 and the events since its cut\)/);
    expect((await tidemark("query", "FROM activity", "--version", "7", ...project)).err).toMatch(
      /there is no version 7/,
    );
    expect((await tidemark("query", "FROM activity", "--position", "sales@0:999", ...project)).err).toMatch(
      /beyond the log's end/,
    );

    // fields grow; what can't be read any more is refused with a plan
    writeFileSync(join(dir, "tidemark.config.ts"), config('{ shop: "VARCHAR", cents: "VARCHAR" }'));
    writeFileSync(join(dir, "views/latest.sql"), "SELECT shop, max(cents) AS top FROM sales GROUP BY shop");
    writeFileSync(join(dir, "views/by_city.sql"), "SELECT shop, count(*) AS n FROM sales GROUP BY shop");
    const refused = await tidemark("batch", "--once", ...project);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/^error: stream "sales": the field cents changes from INTEGER to VARCHAR[^\n]*\n$/);
    const grown = '{ shop: "VARCHAR", cents: "BIGINT", note: "VARCHAR?", seats: "INTEGER DEFAULT 2" }';
    writeFileSync(join(dir, "tidemark.config.ts"), config(grown));
    writeFileSync(
      join(dir, "views/latest.sql"),
      "SELECT note, sum(seats) AS seats, max(cents) AS top FROM sales GROUP BY note",
    );
    writeFileSync(join(dir, "events/new.ndjson"), '{"shop":"s9","cents":5000000000,"note":"big","seats":7}\n');
    expect(await outputOf("batch", "--once", ...project)).toBe("3\n");
    await outputOf("load", "sales", join(dir, "events/new.ndjson"), ...project);

    // dev takes the files over at once: a version at the same cut, the rest linked
    writeFileSync(
      join(dir, "views/by_city.sql"),
      "SELECT shop, count(*) AS n, max(note) AS note FROM sales GROUP BY shop",
    );
    const dev = start("dev", "--port", "0", ...project);
    await dev.wrote(/the project's files have changed: version 4/);
    await dev.wrote(/serving version 4/);
    await dev.stop();
    expect(await query("SELECT note, seats, top FROM latest ORDER BY note")).toEqual([
      { note: "big", seats: 7, top: 5000000000 },
      { note: null, seats: 90, top: 44 },
    ]);
    await verified();
  });
});
