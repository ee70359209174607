/** DuckDB's keywords as fields, keys, columns, streams and views. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { Duck, quoteName } from "../../shared/duckdb/duck.ts";
import { stream, ViewBench } from "../support/view-case.ts";
import { keywordsOf } from "./lists.ts";

let keywords: string[];

beforeAll(async () => {
  const duck = await Duck.open({ threads: 1 });
  const session = await duck.session();
  // every second one in capitals
  keywords = (await keywordsOf(session)).map((name, i) => (i % 2 === 0 ? name : name.toUpperCase()));
  session.close();
  duck.close();
  expect(keywords.length).toBeGreaterThan(400);
});

let bench: ViewBench | null = null;
afterAll(() => bench?.close());

test("as fields, keys and columns, and as views", { timeout: 120_000 }, async () => {
  const fields = Object.fromEntries(keywords.map((name) => [name, "BIGINT?"]));
  const events = [0, 1, 2].map((i) => {
    const event = Object.fromEntries(keywords.map((name, field) => [name, (i * (field % 5)) % 3]));
    return { stream: "select", json: JSON.stringify(event) };
  });
  bench = await ViewBench.open({ streams: [stream("select", fields)], events });
  const names = keywords.map(quoteName);
  const perView = 100;
  for (let at = 0; at < names.length; at += perView) {
    const own = names.slice(at, at + perView);
    // a column is called as the next field is
    const keys = own.map((name, i) => `${name} AS ${own[(i + 1) % own.length]!}`);
    const groups = own.map((_, i) => i + 1).join(", ");
    const sql = `SELECT ${keys.join(", ")}, last(${own[0]}) AS l, count(*) AS n FROM "select" GROUP BY ${groups}`;
    const view = await bench.compile(sql);
    const partials = `(${partialOf(view, bench.inputs(view, 0, 1))}) UNION ALL (${partialOf(view, bench.inputs(view, 1, 3))})`;
    const rows = rowsOf(view, partials);
    await bench.expectSame(view, await bench.plain(view), rows, "cut at 1");
    const named = keywords.slice(at, at + perView);
    for (const [i, name] of named.entries()) {
      // the stream's own
      if (name.toLowerCase() === "select") continue;
      await bench.session.run(`CREATE TEMP VIEW ${quoteName(name)} AS ${i === 0 ? rows : `SELECT ${i} AS ${own[i]}`}`);
      const first = await bench.session.value(`SELECT min(${own[i === 0 ? 1 : i]}) FROM ${quoteName(name)}`);
      expect(Number(first)).toBe(i === 0 ? 0 : i);
    }
  }
});

test("as streams", { timeout: 120_000 }, async () => {
  const streams = keywords.map((name) => stream(name, { n: "BIGINT" }));
  const some = streams.filter((_, i) => i % 25 === 0);
  const own = await ViewBench.open({ streams, events: some.map(({ name }) => ({ stream: name, json: '{"n": 1}' })) });
  try {
    for (let at = 0; at < streams.length; at += 50) {
      const all = streams.slice(at, at + 50).map(({ name }) => `SELECT n FROM ${quoteName(name)}`);
      const view = await own.compile(`SELECT count(*) AS n, sum(n) AS s FROM (${all.join(" UNION ALL ")})`);
      const rows = rowsOf(view, partialOf(view, own.inputs(view, 0, some.length)));
      await own.expectSame(view, await own.plain(view), rows, "as streams");
    }
  } finally {
    own.close();
  }
});
