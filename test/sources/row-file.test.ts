/** Keys that are forgotten for good: no file of the folder has their bytes, and all other rows are as before. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { movedKey, RowFile } from "../../sources/row-file.ts";

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "tidemark-rows-")), "customers");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

const marker = "Ada Lovelace of Marylebone";
const marks = { topic: "t", partitions: [{ upto: 7, chain: { writer: "w", next: 3 }, source: "1:0/2A.3" }] };
const open = () => RowFile.open(folder, () => 0);
const known = (row: string | null, order: string | null = null) => ({ row, order });
const rowOf = (id: number, note = `n${id}`) => `{"id":${id},"note":"${note}"}`;

/** Files that have a text's bytes, or a part's of it. */
function filesWith(text: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(text));
}

/** Rows around one that has been moved, changed, seen and grown beyond a page. */
function filled(others: number): RowFile {
  const rows = open()!;
  for (let id = 1; id <= others; id++) rows.set(`[${id}]`, known(rowOf(id), id % 3 === 0 ? `o${id}` : null));
  rows.set('["ada"]', known(rowOf(0, marker)));
  rows.set(movedKey('["ada"]'), known(rowOf(0, `${marker} before`)));
  rows.flush(marks);
  rows.set('["ada"]', known(rowOf(0, marker.repeat(500)), "o"));
  rows.flush(marks);
  rows.set('["ada"]', known(rowOf(0, `${marker} again`)));
  rows.flush(marks);
  rows.beginSeen();
  rows.seeAll(['["ada"]', "[1]"]);
  return rows;
}

it.each([0, 3, 6000])("forgets a key beside %i others", async (others) => {
  const rows = filled(others);
  rows.set("[1]", known(rowOf(1, "not flushed yet")));
  const before = [...rows.rows()].filter((row) => !row.includes(marker));
  expect(filesWith(marker)).not.toEqual([]);
  await rows.forget(['["ada"]']);
  for (const text of [marker, marker.slice(0, 8), marker.slice(-8), '"ada"']) expect(filesWith(text)).toEqual([]);
  expect(rows.get('["ada"]')).toEqual(known(null));
  expect(rows.get(movedKey('["ada"]'))).toEqual(known(null));
  expect([...rows.rows()]).toEqual(before);
  expect(rows.marks).toEqual(marks);
  expect(rows.get("[1]")).toEqual(known(rowOf(1, "not flushed yet")));
  rows.flush(marks);
  expect(RowFile.open(folder, () => 0)).toBeNull();
  await rows.close();
  const again = open()!;
  expect(again.get("[1]")).toEqual(known(rowOf(1, "not flushed yet")));
  if (others > 3) expect(again.get("[6000]")).toEqual(known(rowOf(6000), "o6000"));
  await again.forget(["[1]", '["never there"]']);
  expect([...again.rows()]).toHaveLength(Math.max(0, others - 1));
  await again.close();
});

it("forgets a key that is too long to be kept as it is, and one that was removed before", async () => {
  const rows = open()!;
  const long = `["${marker.repeat(60)}"]`;
  rows.set(long, known(rowOf(1, marker)));
  rows.set("[2]", known(rowOf(2, marker)));
  rows.set("[3]", known(rowOf(3)));
  rows.flush(marks);
  rows.set("[2]", known(null));
  rows.flush(marks);
  await rows.forget([long, "[2]"]);
  expect(filesWith(marker)).toEqual([]);
  expect([...rows.rows()]).toEqual([rowOf(3)]);
  await rows.close();
});

it("forgets nothing where another process has taken over, whose files stay", async () => {
  const rows = filled(3);
  const other = RowFile.open(folder, () => 10 * 60_000)!;
  const files = readdirSync(folder);
  await expect(rows.forget(['["ada"]'])).rejects.toMatchObject({ code: "SOURCE_FENCED" });
  expect(readdirSync(folder)).toEqual(files);
  expect(other.get('["ada"]').row).toContain(marker);
  await rows.close();
  await other.close();
});

it("goes on with the newer of two files, and leaves nothing of what was not finished", async () => {
  const rows = filled(50);
  await rows.close();
  const aside = join(folder, "..", "aside");
  cpSync(folder, aside, { recursive: true });
  const forgetting = open()!;
  await forgetting.forget(['["ada"]']);
  await forgetting.close();
  // as it was before the old file was removed
  cpSync(join(aside, "rows-1.mdb"), join(folder, "rows-1.mdb"));
  writeFileSync(join(folder, "forgetting-x.mdb"), marker);
  const again = open()!;
  expect(filesWith(marker)).toEqual([]);
  expect([...again.rows()]).toHaveLength(50);
  expect(again.marks).toEqual(marks);
  await again.close();
});
