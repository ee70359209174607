/**
 * CSV by RFC 4180, whatever a file begins with: any table, written in any dialect, cut into chunks anywhere, is
 * read as it was.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CsvOptions, plainCsv } from "../../cli/input/csv-options.ts";
import { type CsvRecord, csvRecords, type Dialect } from "../../cli/input/csv-records.ts";
import { openInput, plainInput } from "../../cli/input/input.ts";
import { timeReader } from "../../cli/input/time-format.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { randomOf } from "../faults/fault.ts";
import { ownSession } from "../support/own-session.ts";
import { stream } from "../support/view-case.ts";

const s = stream("s", { id: "BIGINT", name: "VARCHAR?", note: "VARCHAR?", b: "BIGINT?" });

/** The events of a file of this name, as objects; of what is none, line and reason. */
async function read(name: string, content: string | Buffer, csv: Partial<CsvOptions> = {}, of = s, encoding?: string) {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-csv-"));
  try {
    writeFileSync(join(dir, name), content);
    const found: unknown[] = [];
    const options = { ...plainInput, encoding: encoding ?? null, csv: { ...plainCsv, ...csv } };
    for await (const rows of (await openInput(join(dir, name), of, options)).rows)
      for (const { place, value, reason } of rows)
        found.push(reason === undefined ? JSON.parse(value.toString()) : [place, reason]);
    return found;
  } catch (error) {
    return messageOf(error).replace(`${dir}/`, "");
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function recordsOf(texts: readonly string[], dialect: Dialect): Promise<CsvRecord[]> {
  const source = async function* () {
    yield* texts;
  };
  const found: CsvRecord[] = [];
  for await (const some of csvRecords(source(), dialect, "x")) found.push(...some);
  return found;
}

describe("any table in any dialect", () => {
  const seed = Number(process.env.TIDEMARK_SEED ?? 4180);
  it.each(Array.from({ length: 200 }, (_, round) => round))(`round %i of seed ${seed}`, async (round) => {
    const random = randomOf(seed * 1000 + round);
    const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
    const delimiter = one([",", ";", "\t", "|", "ä"]);
    const quote = one(['"', "'"]);
    const end = one(["\n", "\r\n", "\r"]);
    // without quotes, everything is escaped
    const isBare = random() < 0.25;
    const dialect = { delimiter, quote: isBare ? null : quote, escape: isBare ? "\\" : one([null, quote, "\\"]) };
    const pieces = ["", "a", "ü", "1", " ", quote, delimiter, "\n", "x\r\ny", "漢字", "\\n", "😀", "\t"];
    const cellOf = () => Array.from({ length: Math.floor(random() * 4) }, () => one(pieces)).join("");
    // an empty line is no row
    const width = (isBare ? 2 : 1) + Math.floor(random() * 4);
    const rows = Array.from({ length: Math.floor(random() * 12) + 1 }, () => Array.from({ length: width }, cellOf));
    const written = (cell: string) => {
      if (isBare) return cell.replaceAll(/[\\\r\n\t"']|[,;|ä]/g, (each) => `\\${each}`);
      const must = /[\r\n]|^[ ]/.test(cell) || cell.includes(quote) || cell.includes(delimiter);
      if (!must && random() < 0.5 && !(width === 1 && cell === "")) return cell;
      const escapes = dialect.escape === "\\" ? cell.replaceAll("\\", "\\\\") : cell;
      return quote + escapes.replaceAll(quote, (dialect.escape ?? quote) + quote) + quote;
    };
    // the first line says how lines end
    const text = `${["head", ...Array.from({ length: width - 1 }, () => "h")].join(delimiter)}${end}${rows.map((row) => row.map(written).join(delimiter)).join(end)}${one(["", end])}`;
    const chunks: string[] = [];
    for (let at = 0; at < text.length; ) {
      const size = 1 + Math.floor(random() * 7);
      chunks.push(text.slice(at, at + size));
      at += size;
    }
    const found = await recordsOf(chunks, dialect);
    expect(found.slice(1).map(({ cells }) => cells)).toEqual(rows);
    expect(found.every(({ fault }) => fault === null)).toBe(true);
    // each is in the line that it names
    const lines = text.split(end === "\r" ? "\r" : "\n");
    for (const record of found)
      expect(lines[record.line - 1]!.startsWith(record.text.split(end === "\r" ? "\r" : /\r?\n/)[0]!.slice(0, 3))).toBe(
        true,
      );
  });
});

describe("CSV", () => {
  it("has offsets as others write them, and blanks around the names of its columns", async () => {
    const of = stream("s", { id: "BIGINT", at: "TIMESTAMP?" });
    const text =
      "\n id , At\n1,2024-07-01 00:30:00 UTC\n2,2024-07-01T00:30:00.5+0200\n3,2024-07-01 00:30:00 -07:00\n4,UTC\n";
    expect(await read("a.csv", text, {}, of)).toEqual([
      { id: 1, at: "2024-07-01 00:30:00Z" },
      { id: 2, at: "2024-07-01T00:30:00.5+02:00" },
      { id: 3, at: "2024-07-01 00:30:00-07:00" },
      { id: 4, at: "UTC" },
    ]);
    expect(await read("a.csv", "id,at\n1,1.7.2024 0:30 -0700\n", { timestampFormat: "%d.%m.%Y %H:%M %z" }, of)).toEqual(
      [{ id: 1, at: "2024-07-01 00:30:00-07:00" }],
    );
  });

  it("escapes without quotes: letters with a meaning, and \\N, which is not a text", async () => {
    const options = { quote: null, escape: "\\", nulls: ["\\N"] };
    const text = "id\tname\tnote\n1\ta\\tb\\n\\\\n\\x\t\\N\n2\ta\\\tb\\\r\nc\t\\\\N\nx\t\\\n";
    expect(
      await read("a.tsv", text, options, stream("s", { id: "BIGINT", name: "VARCHAR?", note: "VARCHAR?" })),
    ).toEqual([
      { id: 1, name: "a\tb\n\\nx", note: null },
      { id: 2, name: "a\tb\r\nc", note: "\\N" },
      [5, "2 columns, where the header has 3"],
    ]);
    expect(await read("a.csv", 'id,name\n1,a\\"b\n2,"a\\"b"\n', { escape: "\\" })).toEqual([
      [2, "a quote is escaped outside of quotes"],
      { id: 2, name: 'a"b' },
    ]);
  });

  it("has quotes and delimiters in cells, however late the first of them comes", async () => {
    const rows = Array.from({ length: 25_000 }, (_, i) => `${i},n${i}`);
    const found = (await read(
      "a.csv",
      `id,name\n${rows.join("\n")}\n25000,"a ""b"", c"\n25001,"two\nlines"\n`,
    )) as object[];
    expect(found).toHaveLength(25_002);
    expect(found.slice(-2)).toEqual([
      { id: 25_000, name: 'a "b", c' },
      { id: 25_001, name: "two\nlines" },
    ]);
  });

  it("distinguishes an empty text from NULL by its quotes, or by an option", async () => {
    const text = 'id,name,note\n1,"",\n2,NA,"NA"\n3,\\N,x\n';
    const values = async (csv: Partial<CsvOptions>) =>
      ((await read("a.csv", text, csv)) as Record<string, unknown>[]).map(({ name, note }) => [name, note]);
    expect(await values({})).toEqual([
      ["", null],
      ["NA", "NA"],
      ["\\N", "x"],
    ]);
    expect(await values({ quotedNulls: true })).toEqual([
      [null, null],
      ["NA", "NA"],
      ["\\N", "x"],
    ]);
    expect(await values({ nulls: ["NA", "\\N"] })).toEqual([
      ["", ""],
      [null, "NA"],
      [null, "x"],
    ]);
  });

  it("refuses by line a record with other columns than the header, or that can't be cut, and goes on after it", async () => {
    const text = 'id,name\n1,a,extra\n2,"b"\n3\n4,"c" d\n"5",e,\n6,f\n7,"open\n8,g\n';
    expect(await read("a.csv", text)).toEqual([
      [2, "3 columns, where the header has 2"],
      { id: 2, name: "b" },
      [4, "1 column, where the header has 2"],
      [5, "there is more behind the quote that ends a cell"],
      { id: 5, name: "e" },
      { id: 6, name: "f" },
      [8, "a quote is opened and never closed"],
    ]);
  });

  it("is divided as its name says, or its first line, or --delimiter", async () => {
    expect(await read("a.tsv", "id\tname\n5\ta, b, c\n")).toEqual([{ id: 5, name: "a, b, c" }]);
    expect(await read("a.csv", 'id;"name"\n5;a, b\n')).toEqual([{ id: 5, name: "a, b" }]);
    expect(
      await read("a.csv", "sep=|\nid|name\n5|x;y\nz|\n", {}, stream("s", { id: "BIGINT", name: "VARCHAR?" })),
    ).toEqual([
      { id: 5, name: "x;y" },
      { id: "z", name: null },
    ]);
    expect(await read("a.csv", "id:name\n5:a, b\n", { delimiter: ":" })).toEqual([{ id: 5, name: "a, b" }]);
  });

  it("is UTF-8; what is not is refused by line, and read in the encoding that is named", async () => {
    const latin1 = Buffer.from("id,name\n1,caf\xe9\n2,ok\n", "latin1");
    expect(await read("a.csv", latin1)).toEqual([
      [2, "not UTF-8; name its encoding with --encoding, such as windows-1252"],
      { id: 2, name: "ok" },
    ]);
    expect(await read("a.csv", latin1, {}, s, "windows-1252")).toEqual([
      { id: 1, name: "café" },
      { id: 2, name: "ok" },
    ]);
    expect(await read("a.csv", "\uFEFFid,name\n1,ü\n")).toEqual([{ id: 1, name: "ü" }]);
    expect(await read("a.csv", Buffer.from("\uFEFFid\tname\r\n1\tü\r\n", "utf16le"))).toEqual([{ id: 1, name: "ü" }]);
    const cut = Buffer.concat([Buffer.from("id,name\n1,x\n", "utf16le"), Buffer.from([1])]);
    expect(await read("a.csv", cut, {}, s, "utf-16le")).toBe("cannot read a.csv: its bytes are not utf-16le");
  });

  it("takes numbers, truth and days as they are written, and nothing else for them", async () => {
    const of = stream("s", {
      i: "BIGINT?",
      d: "DECIMAL(10,2)?",
      x: "DOUBLE?",
      b: "BOOLEAN?",
      day: "DATE?",
      at: "TIMESTAMP?",
      j: "JSON?",
    });
    const text =
      "i;d;x;b;day;at;j\n+007;-1.50;nan;TRUE;31/12/2024;1.2.2024 9:05;[1, 2]\n517.0;.5;-inf;f;;;\n1E+05;1,5;1e3;yes;2024-12-31;x;{\n1,234;5.;1_0;0;1/1/2024;;null\n";
    expect(await read("a.csv", text, { dateFormat: "%d/%m/%Y", timestampFormat: "%d.%m.%Y %H:%M" }, of)).toEqual([
      { i: 7, d: -1.5, x: "NaN", b: true, day: "2024-12-31", at: "2024-02-01 09:05:00", j: [1, 2] },
      { i: 517, d: 0.5, x: "-Infinity", b: false, day: null, at: null, j: null },
      [4, "day: text of 10 characters is not written as %d/%m/%Y"],
      { i: "1,234", d: 5, x: "1_0", b: false, day: "2024-01-01", at: null, j: null },
    ]);
    expect(await read("a.csv", "i;d\n1;1,5\n2;1.500\n", { decimal: "," }, of)).toEqual([
      { i: 1, d: 1.5 },
      [3, 'd: text of 5 characters has a "." where decimals begin with ","'],
    ]);
    expect(await read("a.csv", 'i,j\n1,"{""a"":NaN}"\n', {}, of)).toEqual([[2, "j: text of 9 characters is not JSON"]]);
  });

  it("needs the columns that the stream requires, once each", async () => {
    expect(await read("a.csv", "name,b\n")).toBe('a.csv has no column "id", which stream "s" requires');
    expect(await read("a.csv", "ID,Id\n")).toBe('a.csv has 2 columns "id"');
    expect(await read("a.csv", "")).toBe("a.csv is empty");
    expect(await read("a.csv", "7,x,y,8\n", { header: false })).toEqual([{ id: 7, name: "x", note: "y", b: 8 }]);
    expect(await read("a.csv", "id,name,\n7,x,\n8,y\n")).toEqual([
      { id: 7, name: "x" },
      { id: 8, name: "y" },
    ]);
  });

  it("bounds a row", async () => {
    const mega = "x".repeat(1 << 20);
    const endless = (async function* () {
      yield 'a\nb\n"';
      for (let i = 0; i < 70; i++) yield mega;
    })();
    const taking = async () => {
      for await (const some of csvRecords(endless, { delimiter: ",", quote: '"', escape: null }, "big.csv"))
        for (const _ of some);
    };
    await expect(taking()).rejects.toThrow("big.csv:3: a row of more than 64 MiB begins here");
  });
});

describe("formats of time", () => {
  const session = ownSession();

  it.each([
    ["%d/%m/%Y", "31/12/2024"],
    ["%m-%d-%y", "12-31-99"],
    ["%Y%m%d", "20240229"],
    ["%d %B %Y", "7 march 2024"],
    ["%b %d, %Y %I:%M:%S %p", "Mar 07, 2024 12:30:05 AM"],
    ["%A, %d.%m.%Y %H:%M", "Thursday, 07.03.2024 23:59"],
    ["%Y/%m/%d %H:%M:%S.%f", "2024/03/07 01:02:03.45"],
    ["%a %b %d %H:%M:%S %Y", "Thu Mar 07 01:02:03 2024"],
  ])("%s reads as DuckDB's strptime does", async (format, text) => {
    const iso = timeReader(format)(text)!;
    const [theirs, ours] = (
      await session().read(
        `SELECT strptime(${quoteText(text)}, ${quoteText(format)})::VARCHAR, CAST(${quoteText(iso)} AS TIMESTAMP)::VARCHAR`,
      )
    ).getRows()[0]!;
    expect(ours).toBe(theirs);
    expect(timeReader(format)(`${text}x`)).toBeUndefined();
  });

  it.each(["%d", "%Y-%m-%d %Q", "%Y-%m-%d %Y", "x"])("%s is refused", (format) => {
    expect(() => timeReader(format)).toThrow(/is not a date format/);
  });
});
