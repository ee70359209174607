/**
 * Several normalisers of one changelog at a time, stopped and gone on with at any point: what they leave is one fold of
 * the input, and every record says what its row was.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { archive } from "../../batch/archive.ts";
import { SentChanges } from "../../ingest/sent-changes.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { Records } from "../../shared/archive/records.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { Spill } from "../../shared/duplicates/spill.ts";
import { isCode } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import type { Log, NewRecord } from "../../shared/log/log.ts";
import { partitionOf } from "../../shared/log/partitioner.ts";
import { inputOf } from "../../shared/reserved.ts";
import { logStream, originOf } from "../../shared/store/origin.ts";
import { archivedRows } from "../../sources/archived-rows.ts";
import { ChangelogWriter } from "../../sources/changelog-writer.ts";
import { RowFile } from "../../sources/row-file.ts";
import { type InputCounts, SentInput } from "../../sources/sent-input.ts";
import { World } from "../pipeline/world.ts";
import { openStore } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const fields = { id: "BIGINT", part: "VARCHAR", city: "VARCHAR?", n: "INTEGER?" };
const row = "STRUCT(id BIGINT, part VARCHAR, city VARCHAR, n INTEGER)";
const customers: StreamDefinition & { readonly changelog: NonNullable<StreamDefinition["changelog"]> } = {
  ...stream("customers", { op: "VARCHAR", before: `${row}?`, after: `${row}?`, source: "VARCHAR?" }),
  partitions: 2,
  changelog: { key: ["id", "part"], row: stream("", fields).fields },
};
const input = inputOf("shop", customers, 2);

/** A log whose next append to the changelog may be held back until it is let go, or come twice. */
class Holding {
  readonly log: Log;
  readonly held: (() => Promise<unknown>)[] = [];
  next: "hold" | "twice" | null = null;

  constructor(log: Log) {
    this.log = new Proxy(log, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (name !== "append") return typeof value === "function" ? value.bind(target) : value;
        return async (to: Parameters<Log["append"]>[0], records: readonly NewRecord[]) => {
          const how = to.name === "customers" ? this.next : null;
          this.next = null;
          if (how === "twice") await target.append(to, records);
          if (how !== "hold") return target.append(to, records);
          return new Promise((done, fail) => this.held.push(() => target.append(to, records).then(done, fail)));
        };
      },
    });
  }
}

let world: World;
let dir: string;
let holding: Holding;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "tidemark-rows-"));
  world = await World.open({
    stream: customers,
    views: { all: "SELECT id, part, city, n FROM customers GROUP BY ALL" },
  });
  holding = new Holding(world.log);
  await world.firstVersion();
});
afterEach(async () => {
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

class Normaliser {
  readonly input: SentInput;
  readonly writer: ChangelogWriter;
  readonly counts: InputCounts[] = [];

  private constructor(input: Omit<ConstructorParameters<typeof SentInput>[0], "onCounts">) {
    this.writer = input.writer;
    this.input = new SentInput({ ...input, onCounts: (counts) => this.counts.push(counts) });
  }

  static async open(folder: string, bytesAtATime = 1 << 20): Promise<Normaliser> {
    const session = await world.session();
    const rows = RowFile.open(join(dir, folder), () => world.now)!;
    expect(rows, "the file is free").not.toBeNull();
    const { log } = holding;
    const archived = archivedRows(world.store, log, session, customers);
    const writer = await ChangelogWriter.open({ log, stream: customers, rows, archived, session });
    return new Normaliser({ log, input, writer, spill: new Spill(join(dir, `${folder}-ids`)), bytesAtATime });
  }

  async catchUp(): Promise<void> {
    while (await this.input.step());
  }

  async close(): Promise<void> {
    await this.input.close();
    await this.writer.close();
  }
}

interface Row {
  readonly city: string | null;
  readonly n: number | null;
}

/** The table by what was sent alone. */
class Table {
  readonly rows = new Map<string, Row>();

  apply(op: string, key: string, fields: Partial<Row>): void {
    const before = this.rows.get(key);
    if (op === "delete") this.rows.delete(key);
    else if (op === "upsert") this.rows.set(key, { city: null, n: null, ...fields });
    else if (before) this.rows.set(key, { ...before, ...fields });
  }
}

async function send(random: () => number, table: Table, count: number): Promise<void> {
  const any = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const changes = new SentChanges(await world.session(), customers);
  const sent: string[] = [];
  for (let i = 0; i < count; i++) {
    const [id, part] = [Math.floor(random() * 6), any(["a", 'b"]', "ü"])];
    const fields: Partial<Row> = { ...(random() < 0.7 ? { city: any(["Bern", null]) } : {}), n: any([null, 1, 2]) };
    const op = any(["upsert", "upsert", "patch", "delete"]);
    table.apply(op, JSON.stringify([id, part]), fields);
    const row = { id, part, ...fields };
    sent.push(JSON.stringify(op === "upsert" && random() < 0.5 ? row : { op, row }));
  }
  const read = await changes.read(sent.map((text) => Buffer.from(text)));
  const records = read.map((each) => {
    if ("reason" in each) throw new Error(each.reason);
    const key = Buffer.from((JSON.parse(each.value.toString()) as { key: string }).key);
    return { partition: partitionOf(key, 2), key, value: each.value };
  });
  await world.log.ensure(logStream(input));
  await world.log.append(logStream(input), records);
}

/** What the changelog leaves, by its records that count; and where one of them says of its row what it was not. */
async function fold(): Promise<{
  readonly rows: Record<string, Row>;
  readonly wrong: string[];
  readonly records: number;
}> {
  const session = await world.session();
  const { log } = world;
  const { origin } = await originOf(world.store, log, customers);
  const ends = await log.end(logStream(customers));
  const ranges = ends.map((upto, partition) => ({ stream: "customers", partition, from: 0, upto }));
  const events = await new History(world.store, log, origin).events(session, customers, ranges, true);
  const found = await session.rows(
    `SELECT to_json(before)::VARCHAR AS b, to_json(after)::VARCHAR AS a FROM (${events}) ORDER BY __event.p, __event.o`,
  );
  const rows: Record<string, Row> = {};
  const wrong: string[] = [];
  const texts = new Map<string, string>();
  for (const { a, b } of found) {
    const after = a === null ? null : (JSON.parse(String(a)) as Row & { id: number; part: string });
    const before = b === null ? null : (JSON.parse(String(b)) as Row & { id: number; part: string });
    const key = JSON.stringify([(after ?? before)!.id, (after ?? before)!.part]);
    if ((texts.get(key) ?? null) !== (b === null ? null : String(b)))
      wrong.push(`${key}: ${b} instead of ${texts.get(key)}`);
    if (after) texts.set(key, String(a));
    else texts.delete(key);
    if (after) rows[key] = { city: after.city, n: after.n };
    else delete rows[key];
  }
  return { rows, wrong, records: found.length };
}

const sorted = (table: Table) => Object.fromEntries([...table.rows].sort(([a], [b]) => (a < b ? -1 : 1)));

it(`one after the other, with files that are gone, and from the archive (SEED=${seed})`, async () => {
  const random = seededNumbers(seed);
  const table = new Table();
  for (let round = 0; round < 8; round++) {
    await send(random, table, 5 + Math.floor(random() * 20));
    const normaliser = await Normaliser.open("one");
    await normaliser.catchUp();
    await normaliser.close();
    if (random() < 0.4) rmSync(join(dir, "one"), { recursive: true });
    if (random() < 0.5) await archiveAll(random() < 0.6);
    const { rows, wrong } = await fold();
    expect(wrong, `SEED=${seed}`).toEqual([]);
    expect(Object.entries(rows).sort(), `SEED=${seed}`).toEqual(Object.entries(sorted(table)).sort());
  }
});

async function archiveAll(trimmed: boolean): Promise<void> {
  const { store, log } = world;
  const { origin } = await originOf(store, log, customers);
  const session = await world.session();
  const ends = await log.end(logStream(customers));
  const upto = { customers: Object.fromEntries(ends.map((end, partition) => [partition, end])) };
  const records = new Records(store, log, origin);
  const before = await Archive.read(store, origin);
  await archive({ store, log, records, session, recordsPerFile: 7 }, before, [customers], upto);
  if (trimmed) await log.trim(logStream(customers), new Map(ends.map((end, partition) => [partition, end])));
}

it(`two at a time, one of which is stopped in the middle of an append (SEED=${seed})`, {
  timeout: 60_000,
}, async () => {
  const random = seededNumbers(seed + 1);
  const table = new Table();
  const normalisers = [await Normaliser.open("one"), await Normaliser.open("two", 1)];
  const stopped: Promise<unknown>[] = [];
  let fenced = 0;
  for (let round = 0; round < 25; round++) {
    for (let sends = 1 + Math.floor(random() * 3); sends > 0; sends--)
      await send(random, table, 1 + Math.floor(random() * 6));
    const at = Math.floor(random() * 2);
    const how = (["hold", "twice", null] as const)[Math.floor(random() * 3)]!;
    holding.next = how;
    const stepping = normalisers[at]!.input.step();
    if (how === "hold") {
      // it is stopped: the other goes on, and then its append arrives
      await Promise.race([stepping, until(() => holding.held.length > 0)]);
      holding.next = null;
      for (let steps = Math.floor(random() * 4); steps > 0; steps--) await normalisers[1 - at]!.input.step();
      for (const letGo of holding.held.splice(0)) await letGo();
    }
    await stepping.catch((error: unknown) => {
      if (!isCode(error, "SOURCE_FENCED")) throw error;
      fenced++;
    });
    holding.next = null;
  }
  await Promise.all(stopped);
  for (const each of normalisers) await each.catchUp();
  const { rows, wrong, records } = await fold();
  expect(wrong, `SEED=${seed}`).toEqual([]);
  expect(Object.entries(rows).sort(), `SEED=${seed}`).toEqual(Object.entries(sorted(table)).sort());
  const appended = (await world.log.end(logStream(customers))).reduce((sum, end) => sum + end, 0);
  expect(appended, "some were fenced").toBeGreaterThan(records);
  void fenced;
  for (const each of normalisers) await each.close();
});

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((done) => setTimeout(done, 1));
}

it("a changelog whose beginning is gone is no one's", async () => {
  const table = new Table();
  await send(seededNumbers(seed), table, 20);
  const normaliser = await Normaliser.open("one");
  await normaliser.catchUp();
  await normaliser.close();
  await world.log.trim(logStream(customers), new Map([[0, 3]]));
  const elsewhere = await openStore(join(dir, "elsewhere"));
  await expect(originOf(elsewhere, world.log, customers)).rejects.toThrow("whose beginning the log no longer holds");
});
