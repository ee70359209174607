import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { Binary, Int64, makeData, Table, Timestamp, TimeUnit, tableToIPC, Vector, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { openInput } from "../../cli/input/input.ts";
import { linesOf } from "../../cli/input/ndjson.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import { quoteName, quoteText } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import { compareRows } from "../../shared/proof/compare.ts";
import { folder } from "../project/project-folder.ts";
import { ownSession } from "../support/own-session.ts";
import { stream } from "../support/view-case.ts";

const visits = stream("visits", {
  at: "TIMESTAMP",
  page: "VARCHAR",
  ms: "BIGINT?",
  price: "DECIMAL(18,3)?",
  ok: "BOOLEAN?",
});

async function all(file: string, of = visits): Promise<string[]> {
  const texts: string[] = [];
  for await (const rows of (await openInput(file, of)).rows) texts.push(...rows.map(({ value }) => value.toString()));
  return texts;
}

async function refusal(file: string): Promise<string> {
  return all(file).then(
    () => "accepted",
    (error: unknown) => (error instanceof TidemarkError ? error.line : String(error)),
  );
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("lines", () => {
  it.each([1, 2, 3, 7, 1000])("of chunks of %i bytes", async (size) => {
    const bytes = Buffer.from('{"a":1}\r\n\n{"a":2}\n\r\n{"a":"ü"}');
    const found: unknown[] = [];
    for await (const rows of linesOf(chunksOf(bytes, size), "x"))
      found.push(...rows.map(({ place, value }) => [place, value.toString()]));
    expect(found).toEqual([
      [1, '{"a":1}'],
      [3, '{"a":2}'],
      [5, '{"a":"ü"}'],
    ]);
  });

  it("keeps bytes that are not text", async () => {
    const bad = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    const found: Buffer[] = [];
    for await (const rows of linesOf(Readable.from([Buffer.concat([bad, Buffer.from("\n")])]), "x"))
      found.push(...rows.map(({ value }) => value));
    expect(found).toEqual([bad]);
  });

  it("refuses a line without an end, naming it", async () => {
    const mega = Buffer.alloc(1 << 20, "x");
    const endless = Readable.from(
      (function* () {
        yield Buffer.from("{}\n");
        for (let i = 0; i < 70; i++) yield mega;
      })(),
    );
    const read = async () => {
      for await (const _ of linesOf(endless, "big.ndjson"));
    };
    await expect(read()).rejects.toThrow("big.ndjson:2: a line of more than 64 MiB");
  });
});

describe("files", () => {
  it("NDJSON, also gzipped, passes unchanged", async () => {
    const lines = '{"page":"/"}\nnot json\n{"page":1e400}\n';
    const dir = folder({ "a.ndjson": lines, "b.jsonl": lines });
    writeFileSync(join(dir, "c.ndjson.gz"), gzipSync(lines));
    for (const file of ["a.ndjson", "b.jsonl", "c.ndjson.gz"]) {
      expect(await all(join(dir, file)), file).toEqual(['{"page":"/"}', "not json", '{"page":1e400}']);
    }
  });

  it("a JSON array is read event by event", async () => {
    const dir = folder({ "a.json": ' [ {"page":"/","ms":12345678901234567890},\n {"page":"[x]"} ]\n' });
    expect((await all(join(dir, "a.json"))).map((each) => each.replaceAll(" ", ""))).toEqual([
      '{"page":"/","ms":12345678901234567890}',
      '{"page":"[x]"}',
    ]);
  });

  it("CSV: cells of their field's type are bare, others pass unchanged", async () => {
    const dir = folder({
      "a.csv":
        'page,at,ms,price,ok,extra\n"a ""b"", c",2001-02-03 04:05:06,12,1.50,true,x\n/,2001-02-03,twelve,,yes,\n',
    });
    expect(await all(join(dir, "a.csv"))).toEqual([
      '{"at":"2001-02-03 04:05:06","page":"a \\"b\\", c","ms":12,"price":1.50,"ok":true}',
      '{"at":"2001-02-03","page":"/","ms":"twelve","price":null,"ok":"yes"}',
    ]);
  });

  it("an unreadable file is one line", async () => {
    const dir = folder({
      "a.xyz": "",
      "a.csv": "page,ms\n/,1\n",
      "a.parquet": "no parquet".repeat(9),
      "a.json": '[{"page":"/"},{]',
      "b.ndjson.gz": "no gzip",
    });
    expect(await refusal(join(dir, "missing.ndjson"))).toMatch(
      /^cannot read .*missing.ndjson: ENOENT.*check the name \[LOAD_INPUT\]$/,
    );
    expect(await refusal(dir)).toMatch(/is not a file/);
    expect(await refusal(join(dir, "a.xyz"))).toMatch(/the format of .* is unknown/);
    expect(await refusal(join(dir, "a.csv"))).toMatch(
      /a.csv has no column "at", which stream "visits" requires; it has: page, ms/,
    );
    expect(await refusal(join(dir, "a.parquet"))).toMatch(
      /^cannot read .*a.parquet: Invalid Input Error: [^;]*a.parquet'; correct the file and load it again \[LOAD_INPUT\]$/,
    );
    expect(await refusal(join(dir, "a.json"))).toMatch(/^cannot read .*a.json: .*\[LOAD_INPUT\]$/);
    expect(await refusal(join(dir, "b.ndjson.gz"))).toMatch(/^cannot read .*b.ndjson.gz: .*\[LOAD_INPUT\]$/);
  });
});

describe("Parquet", () => {
  const session = ownSession();

  it("every type comes through the log as it was", async () => {
    const values: Record<string, string> = {
      "TINYINT?": "(-128), NULL, 127",
      UBIGINT: "18446744073709551615, 0, 1",
      BIGINT: "9223372036854775807, -9223372036854775808, 0",
      "DECIMAL(38,10)": "1234567890123456789012345678.0123456789, -0.0000000001, 0",
      DOUBLE: "'NaN'::DOUBLE, '-Infinity'::DOUBLE, 0.1",
      FLOAT: "1.1::FLOAT, 3.4e38::FLOAT, 'NaN'::FLOAT",
      BOOLEAN: "true, false, true",
      VARCHAR: `'ünïcode "quoted" \\', '', 'line' || chr(10) || 'break'`,
      BLOB: "'\\x00\\xFF'::BLOB, ''::BLOB, 'a'::BLOB",
      DATE: "DATE '2001-02-03', DATE '0001-01-01', DATE '9999-12-31'",
      TIME: "TIME '23:59:59.999999', TIME '00:00:00', TIME '01:02:03'",
      TIMESTAMP: "TIMESTAMP '2001-02-03 04:05:06.000007', TIMESTAMP '1969-12-31 23:59:59', TIMESTAMP '2001-01-01'",
      "TIMESTAMP WITH TIME ZONE":
        "TIMESTAMPTZ '2001-02-03 04:05:06+05:30', TIMESTAMPTZ '2001-01-01 00:00:00Z', TIMESTAMPTZ '2020-06-01 12:00:00.5Z'",
      UUID: "uuid(), uuid(), uuid()",
      "BIGINT[]": "[1, NULL, 9223372036854775807], [], [0]",
      "STRUCT(a VARCHAR, b BIGINT)": "{a: 'x', b: 1}, {a: NULL, b: NULL}, {a: '', b: 2}",
    };
    const fields = Object.fromEntries(Object.keys(values).map((type, i) => [`f${i}`, type]));
    const every = stream("every", fields);
    const rows = [0, 1, 2].map((row) =>
      every.fields
        .map(
          (field, i) =>
            `CAST(list_extract([${Object.values(values)[i]}], ${row + 1}) AS ${field.type}) AS ${quoteName(field.name)}`,
        )
        .join(", "),
    );
    const source = rows.map((row) => `SELECT ${row}`).join(" UNION ALL ");
    await session().run(`CREATE TABLE source AS ${source}`);
    const file = join(folder({}), "every.parquet");
    await session().run(`COPY source TO ${quoteText(file)} (FORMAT parquet)`);
    const input = await openInput(file, every);
    expect(input.count).toBe(3);
    const events: Buffer[] = [];
    for await (const rows of input.rows) events.push(...rows.map(({ value }) => value));
    const records = events.map((value, offset) => ({ offset, timestamp: 0, key: null, value }));
    const decoded = await new Decoder(session(), every).decode([new ArrayBatch(0, 0, events.length, records)]);
    expect(decoded.dead).toEqual([]);
    const { differences } = await compareRows(session(), "FROM source", await decoded.select());
    expect(differences).toEqual([]);
  });
});

describe("Arrow", () => {
  it("the content of a refused row is that row's, in every batch, for any values", async () => {
    const at = new Timestamp(TimeUnit.MICROSECOND);
    const batches = ["ff", "fe"].map((bytes, i) => {
      const page = vectorFromArray([Buffer.from("ok"), Buffer.from(bytes, "hex")], new Binary());
      const times = new Vector([makeData({ type: at, data: BigInt64Array.of(0n, 2n ** 63n - 1n) })]);
      const ms = vectorFromArray([BigInt(2 * i), BigInt(2 * i + 1)], new Int64());
      return new Table({ page, at: times, ms });
    });
    const file = join(folder({}), "a.arrow");
    writeFileSync(file, tableToIPC(batches[0]!.concat(batches[1]!), "file"));
    const rows: unknown[] = [];
    for await (const some of (await openInput(file, visits)).rows)
      for (const { place, reason, value } of some)
        if (reason !== undefined) rows.push([place, reason, JSON.parse(value.toString())]);
    const why = "page: 1 bytes are not UTF-8";
    expect(rows).toEqual([
      [2, why, '{"page":"/w==","at":"infinity","ms":1}'],
      [4, why, '{"page":"/g==","at":"infinity","ms":3}'],
    ]);
  });

  it("Arrow that ends before its schema is refused, wherever it is cut", async () => {
    const whole = Buffer.from(tableToIPC(new Table({ page: vectorFromArray(["a"]) }), "stream"));
    const schemaEnd = 8 + whole.readInt32LE(4);
    const file = join(folder({}), "a.arrow");
    for (let length = 1; length < schemaEnd; length += 3) {
      writeFileSync(file, whole.subarray(0, length));
      const read = async () => {
        for await (const _ of (await openInput(file, visits)).rows);
      };
      await expect(read(), `${length} bytes`).rejects.toMatchObject({
        code: "LOAD_INPUT",
        message: expect.not.stringContaining("undefined") as string,
      });
    }
  });
});
