import { describe, expect, it } from "vitest";
import { eventKey } from "../../ingest/event-key.ts";
import { Producer } from "../../ingest/producer.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Log, LogRecord } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { partitionOf } from "../../shared/log/partitioner.ts";
import { formatPosition, places } from "../../shared/position.ts";
import { stream } from "../support/view-case.ts";

const visits = { ...stream("visits", { page: "VARCHAR", n: "BIGINT" }), key: "page", partitions: 3 };

describe("the key of an event", () => {
  const key = (value: string, of: { key: string | null; id: string | null } = { key: "k", id: "i" }) =>
    eventKey(of, Buffer.from(value))?.toString() ?? null;
  it.each([
    ['{"k":"a","i":"b"}', "a"],
    ['{"k":"ü\\n"}', "ü\n"],
    ['{"k":12}', "12"],
    ['{"k":1.5}', "1.5"],
    ['{"k":true}', "true"],
    ['{"n":{"k":1},"k" : 12345678901234567890}', "12345678901234567890"],
    ['{"k":null}', null],
    ['{"i":"b"}', null],
    ["not json", null],
    ['"k"', null],
    ["[1]", null],
    ['{"__proto__":{"k":"x"}}', null],
  ])("%s is %s", (value, expected) => expect(key(value)).toBe(expected));
  it("is the id where no key is named, and nothing where neither is", () => {
    expect(key('{"k":"a","i":"b"}', { key: null, id: "i" })).toBe("b");
    expect(key('{"k":"a","i":"b"}', { key: null, id: null })).toBeNull();
  });
});

async function everything(log: Log, partitions: number): Promise<LogRecord[][]> {
  const found: LogRecord[][] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const reader = await log.read({ ...visits, topic: "visits" }, new Map([[partition, 0]]));
    const records: LogRecord[] = [];
    for (;;) {
      const batches = await reader.next(1 << 30, 0);
      if (batches.length === 0) break;
      for (const batch of batches) records.push(...batch.records());
    }
    await reader.close();
    found.push(records);
  }
  return found;
}

describe("the producer", () => {
  it("appends all, in order for each key, and says where that ends", async () => {
    const log = new MemoryLog();
    const producer = await Producer.open(log, visits);
    const events = Array.from({ length: 30_000 }, (_, n) => `{"page":"p${n % 7}","n":${n}}`);
    for (const event of [...events, "broken"]) await producer.add(Buffer.from(event));
    const position = await producer.flush();
    expect(producer.durable).toBe(30_001);
    const found = await everything(log, 3);
    expect(formatPosition(position)).toBe(`visits@${found.map((records, i) => `${i}:${records.length}`).join(",")}`);
    const last = new Map<string, number>();
    for (const [partition, records] of found.entries()) {
      for (const { key, value } of records) {
        if (!key) continue;
        expect(partitionOf(key, 3)).toBe(partition);
        const { page, n } = JSON.parse(value!.toString()) as { page: string; n: number };
        expect(n).toBeGreaterThan(last.get(page) ?? -1);
        last.set(page, n);
      }
    }
    expect(
      found
        .flat()
        .map((record) => record.value!.toString())
        .sort(),
    ).toEqual([...events, "broken"].sort());
  });

  it("reports only partitions it wrote", async () => {
    const producer = await Producer.open(new MemoryLog(), visits);
    expect(await producer.flush()).toEqual({});
    await producer.add(Buffer.from('{"page":"x"}'));
    expect(places(await producer.flush())).toHaveLength(1);
  });

  it("a failed append is thrown, and what arrived stays counted", async () => {
    const log = new MemoryLog();
    let left = 2;
    const append = log.append.bind(log);
    log.append = async (...args) => {
      if (left-- <= 0) throw new TidemarkError("LOG_APPEND", "no space");
      return append(...args);
    };
    const failing: Log = log;
    const producer = await Producer.open(failing, visits, { patienceMs: 0 });
    const many = async () => {
      for (let n = 0; n < 100_000; n++) await producer.add(Buffer.from(`{"n":${n}}`));
    };
    await expect(many()).rejects.toThrow("no space");
    await expect(producer.flush()).rejects.toThrow("no space");
    expect(producer.durable).toBe(2 * 8192);
    expect((await everything(log, 3)).flat()).toHaveLength(2 * 8192);
  });
});
