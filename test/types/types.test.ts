/**
 * A value is the same in every form, on every path, and when it comes back: for every type, over its whole
 * domain, in a zone that is no machine's default.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { openInput } from "../../cli/input/input.ts";
import { connect } from "../../serving/client/client.ts";
import { eventsIn } from "../../serving/client/sse.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { formatPosition } from "../../shared/position.ts";
import { elementsOf, membersOf } from "../../shared/values/json-parts.ts";
import { zoneOffsetsOf } from "../../shared/values/zone-offsets.ts";
import { until } from "../support/until.ts";
import { exceptions, isExcepted } from "./exceptions.ts";
import { type Cells, ofArrow, ofCsv, ofJson, plain } from "./forms.ts";
import { fields, keys, madeEvents, ServedTypes, sentEvent, truth, zone } from "./served.ts";
import { rows, types } from "./table.ts";

let served: ServedTypes;
/** `made` as a list gives it: a JSON object each. */
let made: string[];

beforeAll(async () => {
  served = await ServedTypes.open();
  await served.append(madeEvents);
  made = await list("made");
  const sent = made.map((row, i) => sentEvent(i, "sent", membersOf(row)));
  const response = await served.api.app.inject({
    method: "POST",
    url: "/v1/streams/events/events",
    headers: { "content-type": "application/x-ndjson" },
    payload: `${sent.join("\n")}\n`,
  });
  expect(response.json()).toMatchObject({ accepted: rows, refused: [] });
  await served.follow(response.json<{ position: string }>().position);
}, 120_000);

afterAll(() => served.close());

vi.setConfig({ testTimeout: 60_000 });

/** A question's body in one form. */
async function ask(url: string, accept: string): Promise<Buffer> {
  const response = await served.api.app.inject({ method: "GET", url, headers: { accept } });
  if (response.statusCode !== 200) throw new Error(`${url} ${accept}: ${response.body}`);
  return response.rawPayload;
}

async function query(sql: string, accept: string): Promise<Buffer> {
  const headers = { accept, "content-type": "application/json" };
  const response = await served.api.app.inject({ method: "POST", url: "/v1/query", headers, payload: { sql } });
  if (response.statusCode !== 200) throw new Error(`${sql} ${accept}: ${response.body}`);
  return response.rawPayload;
}

const dataOf = (body: Buffer) => elementsOf(/^\{"data":(\[.*\]),"meta":/s.exec(body.toString())![1]!, rows + 1);
const list = async (view: string) =>
  dataOf(await ask(`/v1/views/${view}${view.includes("?") ? "&" : "?"}order=i`, "application/json"));

/** Parquet can't hold every HUGEINT, and Arrow neither: of those columns the rest. */
const small = types.filter(({ name }) => !isExcepted("39 digits", name));
const names = ["i", ...small.map(({ name }) => name)];
/** And Parquet has no unions. */
const kept = small.filter(({ name }) => !isExcepted("UNION", name));
const isJson = (name: string) => isExcepted("JSON null", name) || isExcepted("mended JSON", name);
/** JSON's own null is NULL where JSON says it. */
const nulls = (cells: Cells) =>
  cells.map((row) => row.map((cell, i) => (cell === "null" && isJson(names[i]!) ? null : cell)));
const narrowed = (cells: Cells) => {
  const at = types.findIndex(({ name }) => isExcepted("39 digits", name)) + 1;
  return cells.map((row) => row.filter((_, i) => i !== at));
};

describe.each<[string, (accept: string, some?: readonly string[]) => Promise<Buffer>]>([
  ["a list", (accept, some = names) => ask(`/v1/views/made?order=i&select=${some}`, accept)],
  ["SQL", (accept, some = names) => query(`SELECT ${some.map((name) => `"${name}"`)} FROM made ORDER BY i`, accept)],
])("%s has the same values as", (_path, get) => {
  it("JSON and NDJSON", async () => {
    const expected = narrowed(ofJson(made, isJson));
    expect(ofJson(dataOf(await get("application/json")), isJson)).toEqual(expected);
    expect(ofJson((await get("application/x-ndjson")).toString().split("\n").slice(0, -1), isJson)).toEqual(expected);
  });

  it("CSV", async () => {
    expect(nulls(ofCsv((await get("text/csv")).toString()))).toEqual(narrowed(ofJson(made, isJson)));
  });

  it("Arrow", async () => {
    const cells = ofArrow(await get("application/vnd.apache.arrow.stream"), await zoneOffsetsOf(zone));
    expect(nulls(cells)).toEqual(narrowed(ofJson(made, isJson)));
  });

  it("Parquet", async () => {
    const body = await get("application/vnd.apache.parquet", ["i", ...kept.map(({ name }) => name)]);
    const different = await differences(body, kept);
    expect(different).toEqual([]);
  });
});

/** Columns of a Parquet file that are not what plain DuckDB has. */
async function differences(
  body: Buffer,
  columns: typeof types,
  cellOf = (name: string) => `CAST("${name}" AS VARCHAR)`,
): Promise<string[]> {
  const path = join(tmpdir(), `tidemark-types-${process.pid}.parquet`);
  writeFileSync(path, body);
  try {
    const found: string[] = [];
    await served.plain.run(`CREATE OR REPLACE TEMP TABLE file AS FROM read_parquet(${quoteText(path)})`);
    await served.plain.run(`CREATE OR REPLACE TEMP TABLE truth AS ${truth(columns)}`);
    for (const { name } of columns) {
      // what Parquet has no type for is text there
      const rows = (relation: string) => `SELECT i, ${cellOf(name)} FROM ${relation}`;
      const off = `SELECT count(*) FROM (${rows("file")} EXCEPT ALL ${rows("truth")})`;
      if (Number(await served.plain.value(off)) > 0) found.push(name);
    }
    return found;
  } finally {
    rmSync(path, { force: true });
  }
}

it.each(["application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"])(
  "a HUGEINT of 39 digits is refused by name as %s",
  async (accept) => {
    const response = await served.api.app.inject({
      method: "GET",
      url: "/v1/views/made?select=huge&order=i",
      headers: { accept },
    });
    const { code, detail } = response.json<{ code: string; detail: string }>();
    expect([response.statusCode, code]).toEqual([400, "QUERY_FAILED"]);
    expect(detail).toMatch(/column "huge" has a number of 39 digits/);
  },
);

it("single rows and changed rows are the list's, byte for byte", async () => {
  await until(async () => {
    await served.api.models!.poll();
    return served.api.models!.ready > 0;
  });
  for (const [i, row] of made.entries())
    expect(dataOf(await ask(`/v1/views/made?i=eq.${i}`, "application/json"))).toEqual([row]);
  const stop = new AbortController();
  const headers = { "Last-Event-ID": formatPosition(served.origin) };
  const response = await fetch(`${served.url}/v1/views/made/changes`, { headers, signal: stop.signal });
  for await (const { event, data } of eventsIn(response.body!)) {
    if (event !== "rows") continue;
    expect(elementsOf(membersOf(data).get("rows")!, rows + 1).sort()).toEqual([...made].sort());
    break;
  }
  stop.abort();
});

/** Group keys and values that are chosen by their event's place have one zero. */
const oneZero = (name: string, json: string) => (isExcepted("one zero", name) ? json.replace("-0.0", "0") : json);

/** Rows of `sent` that are not the made ones, by column. */
async function lost(view: string): Promise<string[]> {
  const back = (await list(view)).map(membersOf);
  const own = made.map(membersOf);
  expect(back.length).toBe(rows);
  return fields.flatMap(({ name }) =>
    back.flatMap((row, i) => {
      const [before, now] = [oneZero(name, own[i]!.get(name)!), row.get(name)];
      return before === now ? [] : [`${name}: ${before} came back as ${now}`];
    }),
  );
}

it("what was sent back as events is the same, and in plain DuckDB too", async () => {
  expect(await lost("sent")).toEqual([]);
  // a zero is equal to the other, and a JSON field's null is NULL
  const cellOf = (name: string) =>
    oneZero(name, "-0.0") === "0"
      ? `"${name}"`
      : isJson(name)
        ? `nullif(CAST("${name}" AS VARCHAR), 'null')`
        : `CAST("${name}" AS VARCHAR)`;
  const body = await ask("/v1/views/sent?order=i", "application/vnd.apache.parquet");
  expect(await differences(body, fields, cellOf)).toEqual([]);
});

it("a stream's events are what was sent, from the log and from the archive", async () => {
  const { api, world } = served;
  const read = async () => {
    const found = (await ask("/v1/streams/events/events", "application/x-ndjson")).toString().split("\n").slice(0, -1);
    return found.map((line) => membersOf(line).get("event")!);
  };
  const fromLog = await read();
  const sent = fromLog.map(membersOf).filter((event) => event.get("kind") === '"sent"');
  expect(sent).toHaveLength(rows);
  const different = sent.flatMap((event, i) => {
    const own = membersOf(made[i]!);
    return fields.filter(({ name }) => event.get(`f_${name}`) !== own.get(name)).map(({ name }) => name);
  });
  expect(different).toEqual([]);
  expect(await runArchive(world.batch)).toBeGreaterThanOrEqual(2 * rows);
  await api.runs.close();
  expect(await read()).toEqual(fromLog);
});

it.each([
  ["arrow", "application/vnd.apache.arrow.stream", 2000],
  ["parquet", "application/vnd.apache.parquet", 3000],
  ["ndjson", "application/x-ndjson", 4000],
  ["csv", "text/csv", 5000],
])("an answer as %s, loaded back, is the same", async (format, accept, from) => {
  const own = fields.map(({ name }) => `"${name}" AS "f_${name}"`).join(", ");
  const file = join(tmpdir(), `tidemark-types-${process.pid}.${format}`);
  writeFileSync(file, await query(`SELECT i + ${from} AS i, 'sent' AS kind, ${own} FROM made`, accept));
  const loaded: string[] = [];
  try {
    for await (const some of (await openInput(file, served.world.definition.streams[0]!)).rows)
      loaded.push(...some.map(({ value, reason }) => JSON.stringify(reason) ?? value.toString()));
  } finally {
    rmSync(file);
  }
  const headers = { "content-type": "application/x-ndjson" };
  const url = "/v1/streams/events/events";
  const response = await served.api.app.inject({ method: "POST", url, headers, payload: `${loaded.join("\n")}\n` });
  expect(response.json()).toMatchObject({ accepted: rows, refused: [] });
  await served.follow(response.json<{ position: string }>().position);
  expect(await lost(`sent?i=gte.${from}&i=lt.${from + 1000}`)).toEqual([]);
});

/** Of filters that together find nothing, those that don't find their row. */
async function culprits(i: number, pairs: readonly (readonly [string, string])[]): Promise<string[]> {
  const find = async (...some: readonly (readonly [string, string])[]) => {
    const question = new URLSearchParams([["i", `eq.${i}`], ...some.map(([name, value]) => [name, value])]);
    return dataOf(await ask(`/v1/views/keyed?${question}`, "application/json")).length;
  };
  if ((await find(...pairs)) > 0) return [];
  const found: string[] = [];
  for (const pair of pairs) if ((await find(pair)) === 0) found.push(pair.join("="));
  return found;
}

it("a filter by a value's own text finds its row, by all keys at once", async () => {
  for (const [i, row] of made.entries()) {
    const members = membersOf(row);
    const pairs = keys.map(({ name }): [string, string] => {
      const text = plain(members.get(name)!, isJson(name));
      return [name, text === null ? "is.null" : `eq.${text}`];
    });
    const question = String(new URLSearchParams([["i", `eq.${i}`], ...pairs]));
    const expected = [...keys.map(({ name }) => oneZero(name, members.get(name)!)), "1"];
    expect(await culprits(i, pairs)).toEqual([]);
    for (const more of ["", "&limit=2"]) {
      const found = dataOf(await ask(`/v1/views/keyed?${question}${more}`, "application/json"));
      expect(found.map((each) => [...membersOf(each).values()].slice(1))).toEqual([expected]);
    }
  }
});

it("the client's values are taken back, as filters and as events", async () => {
  const client = connect({ url: served.url });
  const { data } = await client.view("made").rows({ order: ["i"] });
  const own = data as Record<string, unknown>[];
  // in a JSON column the client's numbers are JavaScript's
  const but = { has: (name: string) => isExcepted("JavaScript", name) };
  for (const row of own.slice(0, 4)) {
    const where = Object.fromEntries(
      keys
        .filter(({ name }) => !but.has(name))
        .map(({ name }) => [name, isStruct(row[name]) ? { eq: row[name] } : row[name]]),
    );
    const { data: found } = await client.view("keyed").rows({ where: { ...where, i: row.i } as never });
    expect(found.length).toBe(1);
  }
  const again = own.map((row) => {
    const values = fields.map(({ name }) => [`f_${name}`, but.has(name) ? null : row[name]]);
    return { i: Number(row.i) + 1000, kind: "sent", ...Object.fromEntries(values) };
  });
  const appended = await client.stream("events").append(again);
  expect(appended).toMatchObject({ accepted: rows, refused: [] });
  await served.follow(appended.position);
  const back = dataOf(await ask("/v1/views/sent?order=i&i=gte.1000&i=lt.2000", "application/json")).map(membersOf);
  expect(back.length).toBe(rows);
  const wrong = fields.flatMap(({ name }) =>
    but.has(name)
      ? []
      : back.flatMap((row, i) =>
          row.get(name) === oneZero(name, membersOf(made[i]!).get(name)!) ? [] : [`${name}: ${row.get(name)}`],
        ),
  );
  expect(wrong).toEqual([]);
});

function isStruct(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

it("the documentation lists these exceptions, ten at most, and every type", () => {
  const page = readFileSync(new URL("../../docs/types.md", import.meta.url), "utf8");
  expect([...page.matchAll(/^\d+\. \*\*(.+?)\*\*/gm)].map(([, name]) => name)).toEqual([...exceptions]);
  expect(exceptions.length).toBeLessThanOrEqual(10);
  for (const { type } of types) {
    const [name = ""] = /^[A-Z_]+/.exec(
      type
        .replace(/.*\[\d+\]$/, "ARRAY")
        .replace(/.*\[\]$/, "lists")
        .replace(/^(U?(TINY|SMALL|BIG)INT|U?INTEGER)$/, "integers"),
    ) ?? ["lists"];
    const shown =
      type === "TIMESTAMP WITH TIME ZONE"
        ? "TIMESTAMPTZ"
        : type === "TIME WITH TIME ZONE"
          ? "TIMETZ"
          : name.replace(/^TIMESTAMP(_M?N?S)$/, "$1");
    expect(page).toContain(shown === "" ? "integers" : shown);
  }
});

it("what has no whole text is refused, by name", async () => {
  const payload = { sql: "SELECT row(1, 2) AS v FROM made" };
  const response = await served.api.app.inject({ method: "POST", url: "/v1/query", payload });
  expect(response.statusCode).toBe(400);
  expect(response.json<{ detail: string }>().detail).toMatch(/can't be written as text without loss/);
  for (const column of ["union", "map", "array"]) {
    const response = await served.api.app.inject({ method: "GET", url: `/v1/views/made?${column}=eq.1` });
    expect(response.json<{ detail: string }>().detail).toMatch(/is not available/);
  }
});

it("each digit of a query's parameters counts, or it is refused", async () => {
  const ask = async (params: string) => {
    const payload = `{"sql": "SELECT CAST($1 AS VARCHAR) AS v, typeof($1) AS t", "params": [${params}]}`;
    const headers = { "content-type": "application/json" };
    const response = await served.api.app.inject({ method: "POST", url: "/v1/query", headers, payload });
    return response.statusCode === 200
      ? response.json<{ data: { v: string }[] }>().data[0]!.v
      : response.json<{ detail: string }>().detail;
  };
  expect(await ask("9007199254740993")).toBe("9007199254740993");
  expect(await ask("-170141183460469231731687303715884105728")).toBe("-170141183460469231731687303715884105728");
  expect(await ask("0.1")).toBe("0.1");
  expect(await ask("170141183460469231731687303715884105728")).toMatch(
    /parameter 1 is an integer of more than 128 bits/,
  );
  expect(await ask("1e400")).toMatch(/params.0 must be/);
  for (const digits of ["0.1234567890123456789", "9007199254740991.4"])
    expect(await ask(digits)).toMatch(/parameter 1 has more digits than a double keeps/);
});
