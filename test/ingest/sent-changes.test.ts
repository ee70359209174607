/** What is sent to a changelog, in every form, and why some of it is none. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { SentChanges } from "../../ingest/sent-changes.ts";
import type { ChangelogStream } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { stream } from "../support/view-case.ts";

const row = { id: "BIGINT", day: "DATE", price: "DECIMAL(12,2)?", name: "VARCHAR", op: "VARCHAR?" };
const rows: ChangelogStream = {
  ...stream("rows", row),
  changelog: { key: ["day", "id"], row: stream("", row).fields },
};

let duck: Duck;
let changes: SentChanges;
beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  changes = new SentChanges(await duck.session(), rows);
});
afterAll(() => duck.close());

async function read(text: string): Promise<unknown> {
  const [found] = await changes.read([Buffer.from(text)]);
  return "value" in found! ? JSON.parse(found.value.toString()) : found!.reason;
}

const full = '{"id":1,"day":"2026-01-01","name":"a"}';

it.each<[string, string, object]>([
  ["a row", full, { op: "upsert", row: JSON.parse(full) }],
  ["a row that says so", `{"op":"upsert","row":${full}}`, { op: "upsert", row: JSON.parse(full) }],
  ["a row without an op", `{"row":${full}}`, { op: "upsert", row: JSON.parse(full) }],
  ["a row with a field op", `{"op":"x",${full.slice(1)}`, { op: "upsert", row: { op: "x", ...JSON.parse(full) } }],
  ["a removal", `{"op":"delete","row":${full}}`, { op: "delete", row: JSON.parse(full) }],
  [
    "single fields",
    '{"op":"patch","row":{"id":1,"day":"2026-01-01","price":null}}',
    { op: "patch", row: { id: 1, day: "2026-01-01", price: null } },
  ],
])("%s", async (_, text, expected) => {
  expect(await read(text)).toEqual({ key: '["2026-01-01",1]', ...expected });
});

it("writes a key in one way", async () => {
  const keys = await changes.read(
    ['"2026-01-01T00:00:00Z"', '"2026-01-01"'].map((day) => Buffer.from(`{"id":1,"day":${day},"name":"a"}`)),
  );
  expect(keys.map((each) => "value" in each && (JSON.parse(each.value.toString()) as { key: string }).key)).toEqual([
    '["2026-01-01",1]',
    '["2026-01-01",1]',
  ]);
});

it("keeps every digit", async () => {
  const [id, day] = ["9007199254740993", '"2026-01-01"'];
  const [found] = await changes.read([Buffer.from(`{"id":${id},"day":${day},"name":"a","price":\n0.10}`)]);
  expect("value" in found! && found.value.toString()).toBe(
    `{"key":"[\\"2026-01-01\\",${id}]","op":"upsert","row":{"id":${id},"day":${day},"name":"a","price":0.10}}`,
  );
});

it.each([
  ["[]", "not a JSON object"],
  ["{", "not a JSON object"],
  ['{"op":"merge","row":{}}', "op: none of upsert, delete, patch"],
  ['{"op":"delete","row":[]}', "row: not a JSON object"],
  ['{"op":"delete","row":{"id":1}}', "day: required field is missing"],
  ['{"op":"patch","row":{"id":1,"day":"2026-01-01","name":null}}', "name: required field is missing"],
  ['{"op":"patch","row":{"id":1,"day":"2026-01-01","nmae":"a"}}', "a field that the stream does not have"],
  [
    '{"op":"patch","row":{"id":1,"day":"2026-01-01","price":"x"}}',
    "price: a text of 1 characters is not a DECIMAL(12,2)",
  ],
  ['{"id":1,"day":"2026-01-01"}', "name: required field is missing"],
])("%s: %s", async (text, reason) => {
  expect(await read(text)).toBe(reason);
});
