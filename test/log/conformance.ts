import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idsOf } from "../../shared/log/batch.ts";
import type { Log, LogReader, LogRecord, LogStream, NewRecord, RecordBatch } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";

/** What a log has to do, whichever it is. Each implementation runs this suite in a test file of its own. */

export interface Subject {
  readonly name: string;
  /** Whether `trim` forgets; Kafka keeps its own retention. */
  readonly trims: boolean;
  /** Runs of the comparison with the memory log. */
  readonly runs: number;
  open(): Promise<Log>;
}

let streams = 0;

/** A stream of its own. */
export function freshStream(partitions = 1, existing = false): LogStream {
  const name = `s${process.pid}-${Date.now()}-${streams++}`;
  return { name, topic: name, existing, partitions };
}

export function records(count: number, partition = 0, prefix = "r"): NewRecord[] {
  return Array.from({ length: count }, (_, i) => ({ partition, key: null, value: Buffer.from(`${prefix}${i}`) }));
}

/** Reads until `upto` is reached in every partition, checking that batches tile and hold what they say. */
export async function readUpTo(
  reader: LogReader,
  from: ReadonlyMap<number, number>,
  upto: ReadonlyMap<number, number>,
  maxBytes = 1 << 20,
): Promise<Map<number, LogRecord[]>> {
  const at = new Map(from);
  const all = new Map([...from.keys()].map((partition) => [partition, [] as LogRecord[]]));
  const deadline = Date.now() + 20_000;
  while ([...upto].some(([partition, end]) => at.get(partition)! < end)) {
    if (Date.now() > deadline)
      throw new Error(`stuck at ${JSON.stringify([...at])}, wanted ${JSON.stringify([...upto])}`);
    for (const batch of await reader.next(maxBytes, 500)) {
      expect(batch.from).toBe(at.get(batch.partition));
      at.set(batch.partition, batch.upto);
      checkBatch(batch);
      all.get(batch.partition)!.push(...batch.records());
    }
  }
  return all;
}

/** The parts of a batch agree with each other. */
function checkBatch(batch: RecordBatch): void {
  const found = batch.records();
  expect(batch.upto).toBeGreaterThan(batch.from);
  expect(found.length).toBe(batch.count);
  expect([...batch.offsets]).toEqual(found.map((record) => record.offset));
  expect([...batch.timestamps]).toEqual(found.map((record) => record.timestamp));
  expect(batch.bytes).toBe(found.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0));
  const plain = found.every(({ value }) => value && !value.includes(10) && !value.includes(13));
  const lines = plain ? Buffer.concat(found.flatMap(({ value }) => [value!, Buffer.from("\n")])) : null;
  expect(batch.lines === null ? null : batch.lines.toString("latin1")).toBe(
    lines === null ? null : lines.toString("latin1"),
  );
  let before = batch.from - 1;
  for (const { offset } of found) {
    expect(offset).toBeGreaterThan(before);
    before = offset;
  }
  expect(idsOf(batch.requests, batch.count)).toEqual(found.map((record) => record.id));
  expect(before).toBeLessThan(batch.upto);
}

/** A record without what differs between logs, in a form that prints well. */
export function plainOf(record: LogRecord | NewRecord): unknown {
  const { key, value, headers, id } = record;
  const [k, v] = [key?.toString("latin1") ?? null, value?.toString("latin1") ?? null];
  return { key: k, value: v, headers: headers ?? null, id: id ?? null };
}

export async function readAll(
  log: Log,
  stream: LogStream,
  from: ReadonlyMap<number, number>,
  maxBytes?: number,
): Promise<Map<number, LogRecord[]>> {
  const ends = await log.end(stream);
  const reader = await log.read(stream, from);
  try {
    return await readUpTo(
      reader,
      from,
      new Map([...from.keys()].map((partition) => [partition, ends[partition]!])),
      maxBytes,
    );
  } finally {
    await reader.close();
  }
}

const start = new Map([[0, 0]]);

export function conformance(subject: Subject): void {
  describe(`${subject.name} log`, { timeout: 60_000 }, () => {
    let log: Log;
    beforeAll(async () => {
      log = await subject.open();
    }, 90_000);
    afterAll(async () => {
      await log?.close();
    }, 20_000);

    const made = async (partitions = 1): Promise<LogStream> => {
      const stream = freshStream(partitions);
      await log.ensure(stream);
      return stream;
    };

    it("registers a stream once, with an id of its own", async () => {
      const stream = freshStream(3);
      const origin = await log.ensure(stream);
      expect(origin.first).toEqual([0, 0, 0]);
      expect(await log.ensure({ ...stream, partitions: 5, existing: true })).toEqual(origin);
      expect((await log.ensure(freshStream())).id).not.toBe(origin.id);
    });

    it("refuses a stream that should exist and does not", async () => {
      const stream = freshStream(1, true);
      await expect(log.ensure(stream)).rejects.toMatchObject({ code: "LOG_STREAM_MISSING" });
      await expect(log.end(stream)).rejects.toMatchObject({ code: "LOG_STREAM_MISSING" });
      await expect(log.read(stream, start)).rejects.toMatchObject({ code: "LOG_STREAM_MISSING" });
    });

    it("gives back keys, values and headers byte for byte", async () => {
      const stream = await made();
      const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const sent: NewRecord[] = [
        { partition: 0, key: null, value: Buffer.from("plain") },
        { partition: 0, key: Buffer.from("k"), value: null },
        { partition: 0, key: Buffer.alloc(0), value: Buffer.alloc(0) },
        { partition: 0, key: Buffer.from("k\n"), value: Buffer.from("two\nlines") },
        { partition: 0, key: null, value: Buffer.from("with\rreturn") },
        { partition: 0, key: binary, value: binary, headers: { trace: "ü-1", empty: "" } },
        { partition: 0, key: null, value: Buffer.alloc(300_000, "x") },
        { partition: 0, key: null, value: binary, id: { request: "r#é", sequence: 7 } },
        { partition: 0, key: null, value: binary, headers: { a: "b" }, id: { request: "r#é", sequence: 8 } },
        { partition: 0, key: null, value: Buffer.from("{}"), id: { request: "r#é", sequence: 9 } },
        { partition: 0, key: null, value: Buffer.from("{}"), id: { request: "other", sequence: 0 } },
      ];
      await log.append(stream, sent);
      const found = (await readAll(log, stream, start)).get(0)!;
      expect(found.map(plainOf)).toEqual(sent.map(plainOf));
      // One append at a time too, so that each lies in a batch with others of its kind.
      for (const record of sent) await log.append(stream, [record, record]);
      const again = (await readAll(log, stream, new Map([[0, sent.length]]))).get(0)!;
      expect(again.map(plainOf)).toEqual(sent.flatMap((record) => [plainOf(record), plainOf(record)]));
    });

    it("answers an append with the next offset of each partition written", async () => {
      const stream = await made(3);
      expect(await log.append(stream, [])).toEqual(new Map());
      expect(await log.append(stream, [...records(5, 0), ...records(2, 2)])).toEqual(new Map([[0, 5], [2, 2]])); // biome-ignore format: pairs
      expect(await log.append(stream, records(3, 2))).toEqual(new Map([[2, 5]]));
      expect(await log.end(stream)).toEqual([5, 0, 5]);
    });

    it("refuses a partition the stream does not have", async () => {
      const stream = await made(2);
      await expect(log.append(stream, records(1, 2))).rejects.toMatchObject({ code: "LOG_PARTITIONS" });
      await expect(log.read(stream, new Map([[2, 0]]))).rejects.toMatchObject({ code: "LOG_PARTITIONS" });
    });

    it("keeps the order of each partition across concurrent appends", async () => {
      const stream = await made(2);
      const sent = Array.from({ length: 40 }, (_, i) => [
        ...records(3, i % 2, `a${i}-`),
        ...records(1, 1 - (i % 2), `b${i}-`),
      ]);
      const ends = await Promise.all(sent.map((list) => log.append(stream, list)));
      const all = await readAll(log, stream, new Map([[0, 0], [1, 0]])); // biome-ignore format: pairs
      expect(all.get(0)!.length + all.get(1)!.length).toBe(160);
      sent.forEach((list, i) => {
        for (const [partition, end] of ends[i]!) {
          const own = list.filter((record) => record.partition === partition).map(plainOf);
          const there = all
            .get(partition)!
            .slice(end - own.length, end)
            .map(plainOf);
          expect(there).toEqual(own);
        }
      });
    });

    it("reads from any offset, within appends and between them", async () => {
      const stream = await made();
      for (let i = 0; i < 4; i++) await log.append(stream, records(5, 0, `x${i}`));
      const whole = (await readAll(log, stream, start)).get(0)!.map(plainOf);
      for (let from = 0; from <= 20; from++) {
        const part = (await readAll(log, stream, new Map([[0, from]]))).get(0)!;
        expect(part.map(plainOf)).toEqual(whole.slice(from));
        expect(part[0]?.offset ?? 20).toBe(from);
      }
    });

    it("reads in steps of about maxBytes, one batch at least", async () => {
      const stream = await made(2);
      const value = Buffer.alloc(1000, "v");
      for (let i = 0; i < 30; i++)
        await log.append(
          stream,
          [0, 1].map((partition) => ({ partition, key: null, value })),
        );
      const reader = await log.read(stream, new Map([[0, 0], [1, 0]])); // biome-ignore format: pairs
      const from = new Map([[0, 0], [1, 0]]); // biome-ignore format: pairs
      await readUpTo(reader, from, new Map([[0, 30], [1, 30]]), 1); // biome-ignore format: pairs
      await reader.close();
      await readAll(log, stream, from, 10_000);
    });

    it("serves a quiet partition beside a busy one", async () => {
      const stream = await made(2);
      const value = Buffer.alloc(50_000, "v");
      for (let i = 0; i < 40; i++) await log.append(stream, [{ partition: 0, key: null, value }]);
      await log.append(stream, records(1, 1));
      const reader = await log.read(stream, new Map([[0, 0], [1, 0]])); // biome-ignore format: pairs
      let bytes = 0;
      for (let seen = false; !seen; ) {
        const batches = await reader.next(100_000, 2000);
        seen = batches.some((batch) => batch.partition === 1);
        bytes += batches.reduce((sum, batch) => sum + batch.bytes, 0);
        expect(batches.length).toBeGreaterThan(0);
      }
      expect(bytes).toBeLessThan(1_900_000);
      await reader.close();
    });

    it("waits at the end and wakes up", async () => {
      const stream = await made();
      const reader = await log.read(stream, start);
      const before = performance.now();
      expect(await reader.next(1000, 60)).toEqual([]);
      expect(performance.now() - before).toBeGreaterThan(55);
      const waiting = reader.next(1000, 10_000);
      const sent = performance.now();
      await log.append(stream, records(1));
      expect((await waiting).map((batch) => batch.count)).toEqual([1]);
      expect(performance.now() - sent).toBeLessThan(2000);
      await reader.close();
    });

    it("closes a waiting reader at once", async () => {
      const stream = await made();
      const reader = await log.read(stream, start);
      const waiting = reader.next(1000, 30_000);
      const before = performance.now();
      await reader.close();
      expect(await waiting).toEqual([]);
      expect(performance.now() - before).toBeLessThan(1000);
      await expect(reader.next(1, 0)).rejects.toThrow("closed");
    });

    it("reports loudly that an offset is beyond the end, once what can be read has been", async () => {
      const stream = await made();
      await log.append(stream, records(3));
      const reader = await log.read(stream, new Map([[0, 4]]));
      await expect(nextOrError(reader)).rejects.toMatchObject({ code: "LOG_RANGE", facts: { offset: 4, end: 3 } });
      await reader.close();
    });

    it("serves several readers, each at its own place", async () => {
      const stream = await made();
      const readers = await Promise.all([0, 2, 5].map((at) => log.read(stream, new Map([[0, Math.min(at, 0)]]))));
      for (let i = 0; i < 5; i++) await log.append(stream, records(2));
      const all = await Promise.all(readers.map((reader) => readUpTo(reader, start, new Map([[0, 10]]), 50)));
      for (const found of all) expect(found.get(0)!.map(plainOf)).toEqual(all[0]!.get(0)!.map(plainOf));
      await Promise.all(readers.map((reader) => reader.close()));
    });

    it.runIf(subject.trims)("forgets what was trimmed and no more", async () => {
      const stream = await made(2);
      for (let i = 0; i < 6; i++) await log.append(stream, records(5, 0, `t${i}`));
      const whole = (await readAll(log, stream, start)).get(0)!.map(plainOf);
      const behind = await log.read(stream, new Map([[0, 2]]));
      for (const [asked, first] of [
        [0, 0],
        [7, 7],
        [3, 7],
        [10, 10],
        [11, 11],
      ] as const) {
        // biome-ignore format: pairs
        await log.trim(stream, new Map([[0, asked]]));
        expect(await log.first(stream)).toEqual([first, 0]);
        expect((await readAll(log, stream, new Map([[0, first]]))).get(0)!.map(plainOf)).toEqual(whole.slice(first));
      }
      await expect(nextOrError(behind)).rejects.toMatchObject({ code: "LOG_RANGE", facts: { offset: 2, first: 11 } });
      await behind.close();
      await log.trim(stream, new Map([[0, 1000], [1, 1000]])); // biome-ignore format: pairs
      expect(await log.first(stream)).toEqual([30, 0]);
      expect(await log.end(stream)).toEqual([30, 0]);
      expect((await log.ensure(stream)).first).toEqual([30, 0]);
      expect(await log.append(stream, records(1))).toEqual(new Map([[0, 31]]));
      expect((await readAll(log, stream, new Map([[0, 30]]))).get(0)!.map((record) => record.offset)).toEqual([30]);
    });

    it("does as the memory log does, whatever is done", async () => {
      const seed = Number(process.env.TIDEMARK_SEED ?? Date.now() % 2 ** 31);
      console.info(`${subject.name} log: TIDEMARK_SEED=${seed}`);
      await fc.assert(
        fc.asyncProperty(fc.array(stepArbitrary(subject.trims), { maxLength: 12 }), (steps) => compare(log, steps)),
        {
          seed,
          numRuns: subject.runs,
        },
      );
    });
  });
}

/** The next batches, or the error that ends the reader; a log may hand out what it had fetched before. */
async function nextOrError(reader: LogReader): Promise<RecordBatch[]> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) await reader.next(1000, 100);
  return [];
}

type Step =
  | { readonly do: "append"; readonly records: readonly NewRecord[] }
  | { readonly do: "read"; readonly partition: number; readonly part: number; readonly maxBytes: number }
  | { readonly do: "trim"; readonly partition: number; readonly part: number };

const partitionCount = 2;

function stepArbitrary(trims: boolean): fc.Arbitrary<Step> {
  const partition = fc.nat(partitionCount - 1);
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const bytes = fc.oneof(
    { weight: 3, arbitrary: fc.string({ maxLength: 20 }).map((text) => Buffer.from(text.replace(/[\r\n]/g, " "))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)) },
  );
  const header = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== "__proto__"),
    fc.string({ maxLength: 5 }),
    { minKeys: 1, maxKeys: 2, noNullPrototype: true },
  );
  const record: fc.Arbitrary<NewRecord> = fc.oneof(
    fc.record({ partition, key: fc.option(bytes), value: fc.option(bytes, { freq: 20 }) }),
    { weight: 3, arbitrary: fc.record({ partition, key: fc.constant(null), value: bytes }) },
    fc.record({ partition, key: fc.option(bytes), value: bytes, headers: header }),
    {
      weight: 3,
      arbitrary: fc.record({
        partition,
        key: fc.option(bytes),
        value: bytes,
        id: fc.record({ request: fc.constantFrom("a", "b"), sequence: fc.integer({ min: 0, max: 3 }) }),
      }),
    },
  );
  const append = fc.record({ do: fc.constant("append" as const), records: fc.array(record, { maxLength: 30 }) });
  const read = fc.record({
    do: fc.constant("read" as const),
    partition,
    part,
    maxBytes: fc.integer({ min: 1, max: 1000 }),
  });
  const trim = fc.record({ do: fc.constant("trim" as const), partition, part });
  return trims
    ? fc.oneof({ weight: 3, arbitrary: append }, { weight: 3, arbitrary: read }, trim)
    : fc.oneof(append, read);
}

/** Does the steps to the log and to a memory log, and compares what they say after each. */
async function compare(log: Log, steps: readonly Step[]): Promise<void> {
  const truth = new MemoryLog();
  const stream = freshStream(partitionCount);
  await truth.ensure(stream);
  await log.ensure(stream);
  for (const step of steps) {
    if (step.do === "append") {
      expect(await log.append(stream, step.records)).toEqual(await truth.append(stream, step.records));
    } else {
      const [first, end] = [(await truth.first(stream))[step.partition]!, (await truth.end(stream))[step.partition]!];
      const place = new Map([[step.partition, first + Math.floor(step.part * (end - first))]]);
      if (step.do === "trim") {
        await log.trim(stream, place);
        await truth.trim(stream, place);
      } else {
        const found = (await readAll(log, stream, place, step.maxBytes)).get(step.partition)!;
        const expected = (await readAll(truth, stream, place, step.maxBytes)).get(step.partition)!;
        expect(found.map((record) => [record.offset, plainOf(record)])).toEqual(
          expected.map((record) => [record.offset, plainOf(record)]),
        );
      }
    }
    expect(await log.first(stream)).toEqual(await truth.first(stream));
    expect(await log.end(stream)).toEqual(await truth.end(stream));
  }
}
