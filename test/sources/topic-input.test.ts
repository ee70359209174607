/** Foreign topics through the normaliser: stopped at any point, from files that are gone, by two at a time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ChangelogStream, FieldDefinition } from "../../shared/definition.ts";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { isCode } from "../../shared/errors.ts";
import type { LogStream } from "../../shared/log/log.ts";
import { recordFields } from "../../shared/project/changelogs.ts";
import { logStream } from "../../shared/store/origin.ts";
import { archivedRows } from "../../sources/archived-rows.ts";
import { ChangelogWriter } from "../../sources/changelog-writer.ts";
import { debeziumReader } from "../../sources/debezium.ts";
import type { ForeignRecord } from "../../sources/formats/foreign.ts";
import { RowFile } from "../../sources/row-file.ts";
import { RowWriter } from "../../sources/row-texts.ts";
import { TopicInput } from "../../sources/topic-input.ts";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { modes } from "./debezium/capture/modes.ts";
import { readCaptured } from "./debezium/captured-file.ts";
import { recordsOf } from "./debezium/judge.ts";
import { settingsOf, streamOf } from "./debezium/streams.ts";
import { fold } from "./fold.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const mode = modes.find(({ name }) => name === "precise-adaptive")!;
const captured = readCaptured(join(import.meta.dirname, "debezium/precise-adaptive.ndjson"));

let dir: string;
let world: World;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tidemark-topic-"));
});
afterEach(async () => {
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

function changelogOf(row: readonly FieldDefinition[], key: readonly string[]): ChangelogStream {
  const type = `STRUCT(${row.map((field) => `${quoteName(field.name)} ${field.type}`).join(", ")})`;
  return { ...stream("rows", {}), partitions: 1, fields: recordFields(type), changelog: { key, row } };
}

/** What the changelog's records leave, by key. */
async function left(changelog: ChangelogStream): Promise<Map<string, string>> {
  const session = await world.session();
  const rows = RowFile.open(join(dir, `left-${Math.random()}`), () => 0)!;
  const options = { log: world.log, stream: changelog, rows, session };
  const writer = await ChangelogWriter.open({
    ...options,
    archived: archivedRows(world.store, world.log, session, changelog),
  });
  const found = new Map([...writer.rows()].map((row) => [JSON.stringify(writer.keyOf(row)), row]));
  await writer.close();
  return found;
}

it.each(["by_key", "by_row", "emptied"] as const)(`%s (SEED=${seed})`, { timeout: 60_000 }, async (table) => {
  const random = seededNumbers(seed);
  const emptied = {
    topic: "shop.public.emptied",
    partitions: 1,
    key: ["id"],
    row: stream("", { id: "INTEGER", n: "INTEGER?" }).fields,
  };
  const foreign = table === "emptied" ? emptied : streamOf(mode, table, true);
  const settings = table === "emptied" ? {} : settingsOf(mode, true);
  const records: readonly ForeignRecord[] = recordsOf(captured, foreign.topic, true);
  const changelog = changelogOf(foreign.row, foreign.key);
  const from = { topic: foreign.topic, format: "debezium" as const, settings };
  world = await World.open({ stream: changelog, views: { all: "SELECT count(*) AS n FROM rows" } });
  await world.firstVersion();
  const topic: LogStream = { name: "foreign", topic: foreign.topic, existing: false, partitions: 1 };
  await world.log.ensure(topic);
  let file = 0;
  const open = async () => {
    const session = await world.session();
    const rows = RowFile.open(join(dir, `rows-${file}`), () => world.now)!;
    const archived = archivedRows(world.store, world.log, session, changelog);
    const writer = await ChangelogWriter.open({ log: world.log, stream: changelog, rows, archived, session });
    return { writer, input: await TopicInput.open(world.log, changelog, from, writer) };
  };
  let two = [await open()];
  for (let at = 0; at < records.length; ) {
    const some = records.slice(at, at + 1 + Math.floor(random() * 12));
    at += some.length;
    for (const { key, value, headers } of some)
      await world.log.append(topic, [{ partition: 0, key, value, ...(headers ? { headers } : {}) }]);
    for (const { input } of two)
      if (random() < 0.7)
        await input.step().catch((error: unknown) => {
          if (!isCode(error, "SOURCE_FENCED")) throw error;
        });
    if (random() < 0.2) {
      for (const { input, writer } of two) {
        await input.close();
        await writer.close();
      }
      file++;
      two = [await open()];
      if (random() < 0.5) {
        file++;
        two.push(await open());
      }
    }
  }
  for (const { input, writer } of two) {
    while (await input.step());
    await input.close();
    await writer.close();
  }
  const texts = new RowWriter(changelog.changelog);
  const should = fold(foreign, records, debeziumReader(foreign, settings));
  const expected = new Map([...should.rows].map(([key, row]) => [key, texts.rowText(row, null)]));
  expect([...(await left(changelog))].sort(), `SEED=${seed}`).toEqual([...expected].sort());
  expect((await world.log.end(logStream(changelog)))[0]).toBeGreaterThan(5);
});
