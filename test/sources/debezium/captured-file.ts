/**
 * Captured records as a file: most of a record is its schema, which is written once; and of long runs of a letter
 * their number.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { membersOf } from "../../../shared/values/json-parts.ts";
import type { CapturedRecord } from "./capture/capture.ts";

const shortened = (text: string) => text.replace(/([a-z])\1{39,}/g, (run, letter) => `«${letter}*${run.length}»`);
const lengthened = (text: string) =>
  text.replace(/«(.)\*(\d+)»/g, (_, letter: string, count: string) => letter.repeat(Number(count)));

interface Line {
  readonly topic: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | null;
  readonly value: string | null;
  /** Which of the schemas before: numbers of lines with one. */
  readonly schemas: readonly (number | null)[];
}

export function writeCaptured(file: string, records: readonly CapturedRecord[]): void {
  const known = new Map<string, number>();
  const lines: string[] = [];
  const taken = (wrapped: string | null): readonly [string | null, number | null] => {
    if (wrapped === null) return [null, null];
    const members = membersOf(wrapped);
    const schema = members.get("schema")!;
    if (!known.has(schema)) {
      known.set(schema, known.size);
      lines.push(schema);
    }
    return [members.get("payload")!, known.get(schema)!];
  };
  for (const { topic, headers, key, value } of records) {
    const [[keyText, keySchema], [valueText, valueSchema]] = [taken(key), taken(value)];
    const line: Line = { topic, headers, key: keyText, value: valueText, schemas: [keySchema, valueSchema] };
    lines.push(shortened(JSON.stringify(line)));
  }
  writeFileSync(file, `${lines.join("\n")}\n`);
}

export function readCaptured(file: string): CapturedRecord[] {
  const schemas: string[] = [];
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .flatMap((text) => {
      if (!text.startsWith('{"topic":')) {
        schemas.push(text);
        return [];
      }
      const line = JSON.parse(lengthened(text)) as Line;
      const wrapped = (value: string | null, schema: number | null | undefined) =>
        value === null ? null : `{"schema":${schemas[schema!]},"payload":${value}}`;
      const [key, value] = [wrapped(line.key, line.schemas[0]), wrapped(line.value, line.schemas[1])];
      return [{ topic: line.topic, headers: line.headers, key, value }];
    });
}
