/** Reference tables of CSV: no line is left out in silence, and what can't be read is reported by its line. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TidemarkError } from "../../shared/errors.ts";
import { csvTable } from "../../shared/project/reference-csv.ts";
import { keepReference } from "../../shared/project/references.ts";
import { ownSession } from "../support/own-session.ts";
import { folder } from "./project-folder.ts";

const session = ownSession();

async function read(content: string | Buffer, name = "t.csv"): Promise<unknown> {
  const dir = folder({ "reference/README.md": "" });
  const path = join(dir, "reference", name);
  writeFileSync(path, content);
  try {
    await keepReference(session(), null, dir, { name: "t", source: `reference/${name}` });
  } catch (error) {
    if (error instanceof TidemarkError) return error.message;
    throw error;
  }
  return (await session().read(`FROM ${(await csvTable(path)).rows}`)).getRowObjectsJson();
}

describe("a reference table of CSV", () => {
  it("keeps rows that resemble comments, quotes that come late, and empty texts", async () => {
    expect(await read('id,name\n1,"#x"\n#2,\n3,""\n')).toEqual([
      { id: "1", name: "#x" },
      { id: "#2", name: null },
      { id: "3", name: "" },
    ]);
    const many = Array.from({ length: 25_000 }, (_, i) => `${i},n`).join("\n");
    expect(((await read(`id,name\n${many}\n25000,"a, ""b"""\n`)) as object[]).at(-1)).toEqual({
      id: "25000",
      name: 'a, "b"',
    });
  });

  it("is read in Excel's ways", async () => {
    const row = [{ id: "1", name: "ü;\t" }];
    expect(await read('\uFEFFsep=;\r\nid;name\r\n1;"ü;\t"\r\n')).toEqual(row);
    expect(await read(Buffer.from('\uFEFFid\tname\r\n1\t"ü;\t"\r\n', "utf16le"))).toEqual(row);
    expect(await read('\r\n\r\nid,name\r\n1,"ü;\t"\r\n')).toEqual(row);
  });

  it.each<[string, string | Buffer, string]>([
    // the sniffer took the second line for the header
    [
      "a header with fewer columns than all rows",
      "id,name\n1,a,x\n2,b,x\n",
      "line 2: 3 columns, where the header has 2",
    ],
    ["a column too many", "id,name\n1,a\n2,b,c\n", "line 3: 3 columns, where the header has 2"],
    ["a column too few", "id,name\n1,a\n2\n", "line 3: 1 column, where the header has 2"],
    ["an open quote", 'id,name\n1,a\n2,"b\n', "line 3: a quote is not closed, or not doubled"],
    ["another encoding", Buffer.from("id,name\n1,caf\xe9\n", "latin1"), "line 2: not UTF-8"],
    ["UTF-16 of the other order", Buffer.from("\uFEFFid\n1\n", "utf16le").swap16(), "line 1: not UTF-8"],
  ])("is refused with %s, by its line", async (_, content, reason) => {
    expect(await read(content)).toBe(`reference/t.csv: can't be read as a table: ${reason}`);
  });

  it("is refused in one line without places and SQL where no line is known", async () => {
    expect(await read("a,b\nx,y,\nz,w\n")).toBe(
      "reference/t.csv: can't be read as a table: its rows are not as RFC 4180 has them, each with as many cells as the header",
    );
  });
});
