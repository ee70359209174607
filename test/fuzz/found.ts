/**
 * Cases that once failed, as files: the view's SQL below comments that hold the rest. They are replayed before
 * anything else.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "./history.ts";
import type { Case } from "./lane.ts";

const folder = join(import.meta.dirname, "found");

export interface Found {
  readonly file: string;
  readonly of: Case;
}

/** Writes a case. @returns the file's name */
export function keepCase(of: Case, from: string, why: string): string {
  const lines = [
    `-- ${from}`,
    `-- ${why.replace(/\s+/g, " ")}`,
    ...(of.rounded.length > 0 ? [`-- rounded: ${JSON.stringify(of.rounded)}`, `-- scaled: ${of.scaled}`] : []),
    `-- partitions: ${of.records.length}`,
    ...(of.changelog ? ["-- kind: changelog"] : []),
    ...of.records.flatMap((list, partition) => list.map((record) => `-- record: ${partition} ${toldOf(record)}`)),
    ...of.steps.map((step) => `-- step: ${JSON.stringify(step)}`),
    `${of.sql};`,
    "",
  ];
  const text = lines.join("\n");
  const name = `${createHash("sha256").update(lines.slice(2).join("\n")).digest("hex").slice(0, 12)}.sql`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return name;
}

/** An event as it is, anything else as a JSON text. */
function toldOf(record: string | null): string {
  return record?.startsWith("{") ? record : JSON.stringify(record);
}

export function foundCases(): Found[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((file) => readCase(file, readFileSync(join(folder, file), "utf8")));
}

function readCase(file: string, text: string): Found {
  const lines = text.split("\n");
  const valuesOf = (word: string) =>
    lines.filter((line) => line.startsWith(`-- ${word}: `)).map((line) => line.slice(word.length + 5));
  const sql = lines
    .filter((line) => !line.startsWith("-- "))
    .join("\n")
    .trim()
    .replace(/;$/, "");
  const records: (string | null)[][] = Array.from({ length: Number(valuesOf("partitions")[0]) }, () => []);
  for (const line of valuesOf("record")) {
    const at = line.indexOf(" ");
    const record = line.slice(at + 1);
    records[Number(line.slice(0, at))]!.push(record.startsWith("{") ? record : (JSON.parse(record) as string | null));
  }
  const of: Case = {
    sql,
    scaled: valuesOf("scaled")[0] ?? sql,
    rounded: JSON.parse(valuesOf("rounded")[0] ?? "[]") as number[],
    records,
    ...(valuesOf("kind").length > 0 ? { changelog: true } : {}),
    steps: valuesOf("step").map((line) => JSON.parse(line) as Step),
  };
  return { file, of };
}
