/**
 * A producer that broke off and is started again: what the log has is left out, wherever it broke off, and all
 * else is appended once.
 */
import { describe, expect, it } from "vitest";
import { appendedOf, isAppended } from "../../ingest/appended.ts";
import { Producer } from "../../ingest/producer.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { logStream } from "../../shared/store/origin.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";

const events = { ...stream("events", { x: "BIGINT" }), partitions: 3 };
const target = logStream(events);
const count = 20_000;

describe("a load that is started again", () => {
  it("appends exactly what is missing", async () => {
    const seed = Number(process.env.TIDEMARK_SEED ?? Date.now() % 1_000_000);
    const random = seededNumbers(seed);
    const N = 12;
    for (let round = 0; round < N; round++) {
      const log = new MemoryLog();
      await log.ensure(target);
      // of others, before and between
      await log.append(target, [
        { partition: 1, key: null, value: Buffer.from("{}"), id: { request: "other", sequence: 0 } },
      ]);
      const from = await log.end(target);
      let left = Math.floor(random() * 4);
      const append = log.append.bind(log);
      const failing = new Proxy(log, {
        get: (of, name) =>
          name !== "append"
            ? Reflect.get(of, name)
            : async (...args: Parameters<typeof append>) => {
                if (left-- <= 0) throw new Error("broken off");
                return append(...args);
              },
      });
      const load = async (producer: Producer) => {
        for (let x = 0; x < count; x++) await producer.add(Buffer.from(`{"x":${x}}`));
        await producer.flush();
      };
      const broken = await Producer.open(failing, events, { request: "r", partitions: 3, patienceMs: 0 });
      await load(broken).catch(() => undefined);
      await broken.flush().catch(() => undefined);
      const there = (await log.end(target)).reduce((sum, end, partition) => sum + end - from[partition]!, 0);
      const appended = await appendedOf(log, target, "r", from);
      const again = await Producer.open(log, events, { request: "r", partitions: 3, appended });
      await load(again);
      expect([round, again.already, again.durable]).toEqual([round, there, count - there]);
      const values = new Set<string>();
      let read = 0;
      for (let partition = 0; partition < 3; partition++) {
        const reader = await log.read(target, new Map([[partition, from[partition]!]]));
        for (let all = await reader.next(1 << 30, 0); all.length > 0; all = await reader.next(1 << 30, 0))
          for (const record of all.flatMap((batch) => batch.records())) {
            read++;
            values.add(`${record.value}`);
          }
        await reader.close();
      }
      expect([round, read, values.size]).toEqual([round, count, count]);
    }
    console.log(`appended: SEED=${seed} N=${N} loads broken off, each whole and once`);
  });

  it("knows numbers by ranges, whatever order they came in", () => {
    const appended = new Map([
      [
        0,
        [
          [2, 5],
          [7, 8],
        ] as const,
      ],
    ]);
    const known = Array.from({ length: 10 }, (_, i) => isAppended(appended, 0, i));
    expect(known.flatMap((each, i) => (each ? [i] : []))).toEqual([2, 3, 4, 7]);
    expect(isAppended(appended, 1, 2)).toBe(false);
  });
});
