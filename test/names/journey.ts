/**
 * Events of a stream through both layers and all questions, each answer compared with plain DuckDB over the
 * oracle's events.
 */
import { expect } from "vitest";
import { rebuild } from "../../batch/rebuild.ts";
import { typesText } from "../../cli/types-text.ts";
import { changedRows } from "../../serving/live/changed-rows.ts";
import { formatOf, mediaTypes } from "../../serving/rows/formats.ts";
import { jsonRow } from "../../serving/rows/json.ts";
import { fewRows } from "../../serving/rows/rows.ts";
import { Sandbox } from "../../serving/sql/sandbox.ts";
import { aggregateNamed, aggregateNames } from "../../shared/compiler/aggregates/table.ts";
import type { StreamDefinition, ViewDefinition } from "../../shared/definition.ts";
import { quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { formatPosition } from "../../shared/position.ts";
import { verify } from "../../shared/proof/verify.ts";
import { snapshotFiles } from "../../shared/store/partials.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot, newestVersion } from "../../shared/store/versions.ts";
import { catchUp, type Sent, World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";

/** A call of an aggregate, over BIGINT. */
function callOf(name: string, x: string, y: string): string {
  if (/^(string_agg|group_concat|listagg)$/.test(name)) return `${name}(${x}::VARCHAR, '/' ORDER BY ${x}::VARCHAR)`;
  if (/^(bool_|count_?if)/.test(name)) return `${name}(${x} > 1)`;
  if (/^geo/.test(name)) return `${name}(${x} + 1)`;
  if (/quantile/.test(name)) return `${name}(${x}, 0.5)`;
  if (name === "approx_top_k") return `${name}(${x}, 2)`;
  return aggregateNamed(name, false)!.arity.includes(1) ? `${name}(${x})` : `${name}(${x}, ${y})`;
}

/** What costs little, and what asks for an event's place. */
const cheap = ["last", "sum", "max", "count"];
const keysPerView = 80;
const callsPerView = 16;
/** One of each kind of plan: the others with these names are made of the same parts. */
const alike = /^(regr_(?!sxy)|var_samp|variance|stddev|sem|covar_samp|corr|bool_or|bit_(or|xor))/;

/**
 * Views whose keys, arguments and columns are called by these names, each name in each place once, and views of
 * every aggregate beside them.
 * @param columnOf what the column of a name is called
 * @param calls with the views of every aggregate
 */
function viewsOf(
  of: string,
  names: readonly string[],
  columnOf: (name: string) => string,
  calls: boolean,
): Record<string, string> {
  const views: Record<string, string> = {};
  const name = (i: number) => quoteName(names[i % names.length]!);
  const column = (i: number) => quoteName(columnOf(names[i % names.length]!));
  const count = Math.ceil(names.length / keysPerView);
  for (let view = 0; view < count; view++) {
    const own = names.flatMap((_, i) => (i % count === view ? [i] : []));
    const items = own.flatMap((i, n) => {
      // a column is called as another field is
      const key = `${name(i)} AS ${column(i + count)}`;
      if (count === 1) return [key];
      const filter = n % 7 === 0 ? ` FILTER (WHERE ${name(i)} >= 0)` : "";
      return [key, `${callOf(cheap[n % cheap.length]!, name(i + 1), name(i))}${filter} AS ${column(i + 1 + count)}`];
    });
    const groups = own.map((_, n) => (count === 1 ? n + 1 : 2 * n + 1)).join(", ");
    const where = `${name(view + 1)} < 3 OR true`;
    const having = `last(${name(view + 5)}) IS NOT NULL OR count(*) > 0`;
    views[`wide_${view}`] =
      `SELECT ${items.join(", ")} FROM ${quoteName(of)} WHERE ${where} GROUP BY ${groups} HAVING ${having}`;
  }
  const kinds = new Map(
    aggregateNames.filter((each) => !alike.test(each)).map((each) => [aggregateNamed(each, false)!, each]),
  );
  const every = calls ? [...kinds.values()] : [];
  for (let at = 0; at < every.length; at += callsPerView) {
    const items = every.slice(at, at + callsPerView).map((aggregate, i) => {
      return `${callOf(aggregate, name(at + i + 1), name(at + i + 2))} AS ${column(at + i)}`;
    });
    const key = at + callsPerView;
    views[`calls_${at / callsPerView}`] =
      `SELECT ${name(key)} AS ${column(key)}, ${items.join(", ")} FROM ${quoteName(of)} GROUP BY ALL`;
  }
  return views;
}

/**
 * Enough that every view has as many of them: where the last ones are followed by the first, no view would
 * have two columns of a name.
 */
function filledUp(names: readonly string[]): string[] {
  const views = Math.ceil(names.length / keysPerView);
  const missing = views * Math.ceil(names.length / views) - names.length;
  return [...names, ...Array.from({ length: missing }, (_, i) => `more_${i}`)];
}

export interface Journey {
  readonly world: World;
  readonly api: Api;
  readonly views: readonly ViewDefinition[];
  close(): Promise<void>;
}

/** @param columnOf see viewsOf */
export async function journey(
  of: string,
  wanted: readonly string[],
  columnOf: (name: string) => string,
  calls: boolean,
): Promise<Journey> {
  const names = filledUp(wanted);
  const fields = Object.fromEntries(names.map((name) => [name, "BIGINT?"]));
  const base = stream(of, fields);
  const sales: StreamDefinition = { ...base, key: names[0]!, id: names[1]!, dedupMs: 1000, time: null };
  const world = await World.open({ stream: sales, views: viewsOf(of, names, columnOf, calls) });
  await world.firstVersion();
  const numberOf = (i: number, field: number) => ((i + field) % 11 === 0 ? null : (i * ((field % 7) + 1)) % 4);
  const send = async (from: number, upto: number) => {
    const events: Sent[] = [];
    for (let i = from; i < upto; i++) {
      const event = Object.fromEntries(names.map((name, field) => [name, field === 1 ? i : numberOf(i, field)]));
      const text = JSON.stringify(event);
      // some lines are not like the others, and are read in another way
      events.push({ partition: i % 2, value: i % 3 === 2 ? ` ${text}` : text, valid: true });
    }
    await world.append([
      ...events,
      { partition: 0, value: JSON.stringify({ [names[2]!]: "x" }), valid: false },
      { partition: 1, value: JSON.stringify({ [names[1]!]: upto - 1 }), valid: true },
    ]);
  };
  await send(0, 3);
  await world.runBatch();
  const writer = await world.writer((await newestVersion(world.store))!, 0);
  await send(3, 5);
  await catchUp(world, writer);
  await send(5, 6);
  await catchUp(world, writer);
  const api = await openApi(world, { models: true });
  await api.models!.poll();
  const close = async () => {
    await api.close();
    await writer.close();
    await world.close();
  };
  return { world, api, views: world.definition.views, close };
}

type Row = Record<string, unknown>;

async function rowsOf(session: Session, select: string): Promise<Row[]> {
  const { columns, rows } = await fewRows(session, select);
  return rows.map((row) => JSON.parse(jsonRow(columns, row)) as Row);
}

/** Every question about every view. */
export async function askEverything({ world, api, views }: Journey): Promise<void> {
  const served = api.follower.pin();
  const session = await world.session();
  const get = async (path: string, pairs: readonly (readonly [string, string])[]) => {
    const query = new URLSearchParams(pairs.map((pair) => [...pair])).toString();
    const response = await api.app.inject({ method: "GET", url: `/v1/${path}?${query}` });
    if (response.statusCode !== 200)
      throw new Error(`${path}?${decodeURIComponent(query).slice(0, 300)}: ${response.body.slice(0, 600)}`);
    return response;
  };
  const dataOf = async (view: string, pairs: readonly (readonly [string, string])[]) =>
    (await get(`views/${view}`, pairs)).json<{ data: Row[] }>().data;
  try {
    const snapshot = (await bestSnapshot(world.store))!;
    for (const view of views) {
      const rows = `(${await checkedRows(world.store, snapshot, view)})`;
      const keyNames = view.columns.flatMap(({ key, name }) => (key === null ? [] : quoteName(name)));
      const truth = await rowsOf(
        session,
        `FROM ${rows} ORDER BY ${keyNames.map((name) => `${name} DESC NULLS LAST`).join(", ")}`,
      );
      expect(truth.length, view.sql).toBeGreaterThan(2);
      // that every aggregate is computed is what matters of these
      if (view.name.startsWith("calls")) continue;
      const quoted = view.columns.map(({ name }) => `"${name.replaceAll(/["\\]/g, "\\$&")}"`);
      const keysFirst = [...quoted.filter((_, i) => view.columns[i]!.key !== null), ...quoted];
      const ordered = keysFirst.map((name) => `${name}.desc.nullslast`).join(",");
      // select, order and filters, each of all columns at once
      expect(
        await dataOf(view.name, [
          ["select", quoted.join(",")],
          ["order", ordered],
        ]),
      ).toEqual(truth);
      const [first, second] = [truth[0]!, truth[1]!];
      const conditionOf = (value: unknown) => (value === null ? "is.null" : `eq.${JSON.stringify(value)}`);
      const scalar = view.columns
        .map((column, i) => ({ column, name: quoted[i]! }))
        .filter(({ column }) => !/\[\]|MAP/.test(column.type));
      const all = scalar.map(({ column, name }) => `${name}.${conditionOf(first[column.name])}`).join(",");
      expect(await dataOf(view.name, [["and", `(${all})`]])).toEqual([first]);
      const plain = (row: Row, columns: typeof scalar) =>
        columns.map(({ column, name }) => {
          const value = row[column.name];
          return [name, value === null ? "is.null" : `eq.${String(value)}`] as const;
        });
      // names without quotes, but for those that are parameters
      const bare = plain(second, scalar).map(([name, value], i) => {
        const own = scalar[i]!.column.name;
        return [/^(select|by|layer|order|limit|offset|")/.test(own) ? name : own, value] as const;
      });
      expect(await dataOf(view.name, bare)).toEqual([second]);
      const keys = scalar.filter(({ column }) => column.key !== null);
      expect(await dataOf(view.name, plain(first, keys)), "a single row").toEqual([first]);
      const by = keys
        .slice(1)
        .map(({ name }) => name)
        .join(",");
      const rolled = await dataOf(view.name, [["by", by]]);
      // JavaScript puts keys that are whole numbers first
      expect(Object.keys(rolled[0]!).sort()).toEqual(
        view.columns.flatMap((column) => (column === keys[0]!.column ? [] : column.name)).sort(),
      );
      const explained = (await get(`views/${view.name}/explain`, [...plain(first, keys), ["events", "9"]])).json<{
        row: Row;
        events: { data: unknown[] };
      }>();
      expect(explained.row).toEqual(first);
      expect(explained.events.data.length).toBeGreaterThan(0);
      const changed = await changedRows(world.store, session, served, {
        view: view.name,
        since: served.manifest.cut,
        filters: [],
        basis: null,
      });
      expect(
        changed!.rows
          .map(({ row }) => JSON.parse(row) as Row)
          .every((row) => truth.some((each) => JSON.stringify(each) === JSON.stringify(row))),
      ).toBe(true);
    }
    await get("diff", [
      ["from", formatPosition(served.manifest.cut)],
      ["to", formatPosition(served.position)],
    ]);
    await askSql(
      world,
      views.filter(({ name }) => name.startsWith("wide")),
      session,
    );
    const text = typesText(world.definition);
    for (const { name } of world.stream.fields)
      expect(text).toContain(/^[A-Za-z_$][\w$]*$/.test(name) ? `    ${name}?: ` : `    ${JSON.stringify(name)}?: `);
  } finally {
    served.release();
  }
}

/**
 * What a child process does with SQL from outside, in this one: every view by itself in every form, and its
 * measures over again.
 */
async function askSql(world: World, views: readonly ViewDefinition[], session: Session): Promise<void> {
  const sandbox = await Sandbox.open();
  const snapshot = (await bestSnapshot(world.store))!;
  const limits = { memory: "256MB", rowsMax: 1000, bytesMax: 1 << 24 };
  for (const view of views) {
    const files = snapshotFiles(snapshot, view.name).map((file) => ({
      ...file,
      path: behind(world.store).path(file.name),
    }));
    const ask = async (sql: string, mediaType = "application/json") => {
      const { body } = await sandbox.answer({
        sql,
        params: [],
        timezone: "UTC",
        names: views.map(({ name }) => name),
        views: [{ definition: view, failure: null, files }],
        mediaType,
        meta: {},
        limits,
        scratch: world.store.scratch("answer"),
      });
      return body;
    };
    const dataOf = async (sql: string) => (JSON.parse(String(await ask(sql))) as { data: Row[] }).data;
    const name = quoteName(view.name);
    const columns = view.columns.map((column) => quoteName(column.name));
    const rows = await checkedRows(world.store, snapshot, view);
    const keys = view.columns.flatMap((column, i) => (column.key === null ? [] : columns[i]!));
    const order = `ORDER BY ${keys.join(", ")}`;
    const plain = await rowsOf(session, `FROM (${rows}) ${order}`);
    const where = `${columns.join(" IS NULL OR ")} IS NOT NULL`;
    expect(await dataOf(`SELECT t.${columns.join(", t.")} FROM ${name} AS t WHERE ${where} ${order}`)).toEqual(plain);
    const items = view.columns.map(({ key }, i) =>
      key === null ? `MEASURE(${columns[i]}) AS ${columns[i]}` : columns[i]!,
    );
    const measured = await dataOf(`SELECT ${items.join(", ")} FROM ${name} GROUP BY ${keys.join(", ")} ${order}`);
    // what rounds may do so otherwise when it merges once more
    if (view.tolerance === 0) expect(measured).toEqual(plain);
    else expect(measured.map((row) => Object.keys(row))).toEqual(plain.map((row) => Object.keys(row)));
    for (const type of view === views[0] ? mediaTypes : [])
      expect((await ask(`FROM ${name}`, formatOf(type)!.mediaType.split(";")[0])).length).toBeGreaterThan(0);
  }
}

/** The user's own SQL over the same events, recomputed, verified and rebuilt. */
export async function proveEverything({ world, views }: Journey): Promise<void> {
  const exact = async () => {
    const snapshot = (await bestSnapshot(world.store))!;
    for (const [name, file] of snapshot.heads
      .flatMap((head) => head.entries)
      .flatMap((entry) => Object.entries(entry.views)))
      expect(file.failed, name).toBeUndefined();
    expect(await world.expectExact(snapshot)).toBe(views.length);
    const { store, log } = world;
    for await (const { view, differences, failed } of verify(
      { store, log, session: await world.session(), snapshot },
      views,
    ))
      expect([view, differences, failed]).toEqual([view, [], null]);
  };
  const version = await world.runBatch();
  expect(version.proof.state).toBe("proved");
  expect(version.proof.views).toBe(views.length);
  await exact();
  const none = async () => undefined;
  const again = await rebuild({
    batch: world.batch,
    views: [],
    fullSpeed: true,
    perStep: 10,
    sleep: none,
    onStep: () => undefined,
  });
  for (const { view, differences, incomparable } of again.views)
    expect([view, differences, incomparable]).toEqual([view, [], null]);
}
