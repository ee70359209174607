/** Folds a mode's captured records, and says where that is not what PostgreSQL has. */

import { membersOf } from "../../../shared/values/json-parts.ts";
import { debeziumReader } from "../../../sources/debezium.ts";
import type { ForeignRecord } from "../../../sources/formats/foreign.ts";
import { fold } from "../fold.ts";
import type { CapturedRecord, Expected } from "./capture/capture.ts";
import type { Mode } from "./capture/modes.ts";
import { comparable, expectedRows, settingsOf, streamOf } from "./streams.ts";

export function recordsOf(captured: readonly CapturedRecord[], topic: string, withSchemas: boolean): ForeignRecord[] {
  const text = (wrapped: string) => (withSchemas ? wrapped : membersOf(wrapped).get("payload")!);
  const bytes = (wrapped: string | null) => (wrapped === null ? null : Buffer.from(text(wrapped)));
  return captured
    .filter((record) => record.topic === topic)
    .map(({ headers, key, value }, offset) => ({
      partition: 0,
      offset,
      key: bytes(key),
      value: bytes(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, wrapped]) => [name, text(wrapped)])),
    }));
}

export interface Judged {
  readonly differences: readonly string[];
  readonly rows: number;
  /** The rows as JSON. */
  readonly texts: readonly string[];
  readonly skipped: number;
}

export function judge(
  captured: readonly CapturedRecord[],
  expected: Expected,
  mode: Mode,
  table: "by_key" | "by_row",
  withSchemas: boolean,
): Judged {
  const stream = streamOf(mode, table, withSchemas);
  const read = debeziumReader(stream, settingsOf(mode, withSchemas));
  const { rows, skipped } = fold(stream, recordsOf(captured, stream.topic, withSchemas), read);
  const should = expectedRows(stream, expected[table]!, mode);
  const differences: string[] = [];
  for (const id of new Set([...rows.keys(), ...should.keys()])) {
    const [is, its] = [rows.get(id), should.get(id)];
    if (!is || !its) {
      differences.push(`${id}: ${is ? "is not in the table" : "is missing"}`);
      continue;
    }
    for (const [i, { name, type }] of stream.row.entries()) {
      const [a, b] = [JSON.stringify(comparable(type, is[i]!, mode)), JSON.stringify(its[i])];
      if (a !== b) differences.push(`${id} ${name}: ${a} instead of ${b}`);
    }
  }
  const members = stream.row.map(({ name }) => JSON.stringify(name));
  const texts = [...rows.values()].map((row) => `{${row.map((text, i) => `${members[i]}:${text}`).join(",")}}`);
  return { differences, rows: should.size, texts, skipped };
}
