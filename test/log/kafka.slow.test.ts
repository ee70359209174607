import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokerAvailable, startBroker } from "../../demo/broker/broker.ts";
import { KafkaLog } from "../../shared/log/kafka.ts";
import type { LogStream } from "../../shared/log/log.ts";
import { sharedBroker } from "../support/broker.ts";
import { conformance, freshStream, readAll, readUpTo, records } from "./conformance.ts";

const given = process.env.KAFKA_BROKERS;
const lacking = brokerAvailable();
const reason = given ? null : lacking;

if (reason) {
  console.warn(`\n*** The Kafka log is NOT tested: ${reason}. Set KAFKA_BROKERS to use a broker that runs. ***\n`);
  it("has a broker to test with", (context) => {
    if (process.env.CI === "true") throw new Error(`Kafka cannot be tested here: ${reason}`);
    context.skip(reason);
  });
} else {
  kafkaTests();
}

function kafkaTests(): void {
  let brokers: string[] = [];
  const start = new Map([[0, 0]]);

  beforeAll(async () => {
    brokers = (await sharedBroker()).split(",");
  }, 120_000);

  conformance({ name: "Kafka", trims: false, runs: 12, open: async () => new KafkaLog({ brokers }) });

  describe("Kafka log", { timeout: 60_000 }, () => {
    let log: KafkaLog;
    const warnings: string[] = [];
    const outside = (): kafkajs.Kafka =>
      new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, clientId: "outside" });
    const made = async (partitions = 1): Promise<LogStream> => {
      const stream = freshStream(partitions);
      await log.ensure(stream);
      return stream;
    };
    beforeAll(async () => {
      log = new KafkaLog({ brokers, warn: (message) => warnings.push(message) });
    }, 20_000);
    afterAll(async () => {
      await log?.close();
      expect(warnings).toEqual([]);
    }, 20_000);

    it("skips markers and aborted transactions, and counts them", async () => {
      const stream = await made();
      const kafka = outside();
      const transactional = kafka.producer({
        transactionalId: randomUUID(),
        maxInFlightRequests: 1,
        idempotent: true,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      });
      await transactional.connect();
      // The marker is written a moment after the transaction ends.
      const write = async (values: string[], how: "commit" | "abort", end: number): Promise<void> => {
        const transaction = await transactional.transaction();
        for (const value of values)
          await transaction.send({ topic: stream.topic, messages: [{ value, partition: 0 }] });
        await transaction[how]();
        await until(async () => (await log.end(stream))[0] === end);
      };
      await log.append(stream, records(2, 0, "a")); // 0, 1
      await write(["b0", "b1"], "commit", 5); // 2, 3, marker 4
      await write(["gone0", "gone1", "gone2"], "abort", 9); // 5, 6, 7, marker 8
      await write(["c0"], "commit", 11); // 9, marker 10
      await log.append(stream, records(1, 0, "d")); // 11
      await write(["gone3"], "abort", 14); // 12, marker 13

      for (let from = 0; from <= 14; from++) {
        const reader = await log.read(stream, new Map([[0, from]]));
        const found = await readUpTo(reader, new Map([[0, from]]), new Map([[0, 14]]));
        const there = found.get(0)!.map(({ offset, value }) => [offset, value!.toString()]);
        const all = [[0, "a0"], [1, "a1"], [2, "b0"], [3, "b1"], [9, "c0"], [11, "d0"]] as const; // biome-ignore format: pairs
        expect(there).toEqual(all.filter(([offset]) => offset >= from));
        await reader.close();
      }

      // An open transaction holds the end back, and readers with it.
      const open = await transactional.transaction();
      await open.send({ topic: stream.topic, messages: [{ value: "e0", partition: 0 }] });
      await log.append(stream, records(1, 0, "f"));
      expect(await log.end(stream)).toEqual([14]);
      const reader = await log.read(stream, new Map([[0, 14]]));
      expect(await reader.next(1000, 400)).toEqual([]);
      const waiting = readUpTo(reader, new Map([[0, 14]]), new Map([[0, 17]]));
      await open.commit();
      expect((await waiting).get(0)!.map(({ value }) => value!.toString())).toEqual(["e0", "f0"]);
      await reader.close();
      await transactional.disconnect();
    });

    it("reads what other clients compress", async () => {
      const stream = await made();
      const producer = outside().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
      await producer.connect();
      for (const compression of [
        kafkajs.CompressionTypes.GZIP,
        kafkajs.CompressionTypes.None,
        kafkajs.CompressionTypes.GZIP,
      ]) {
        const messages = Array.from({ length: 50 }, (_, i) => ({
          key: `k${i}`,
          value: `v${i}`,
          headers: { n: `${i}` },
          partition: 0,
        }));
        await producer.send({ topic: stream.topic, compression, messages });
      }
      await producer.disconnect();
      const found = (await readAll(log, stream, new Map([[0, 20]]))).get(0)!;
      expect(found.map(({ offset }) => offset)).toEqual(Array.from({ length: 130 }, (_, i) => i + 20));
      for (const { offset, key, value, headers } of found) {
        const i = offset % 50;
        expect([key?.toString(), value?.toString(), headers]).toEqual([`k${i}`, `v${i}`, { n: `${i}` }]);
      }
    });

    it("takes a topic that exists as it is, and recognizes a recreated one", async () => {
      const admin = outside().admin();
      await admin.connect();
      const stream = { ...freshStream(2, true), topic: `made-${randomUUID()}` };
      // kafkajs's own waiting fails where the broker does not know the topic at once
      const create = async () => {
        await admin.createTopics({ topics: [{ topic: stream.topic, numPartitions: 3 }], waitForLeaders: false });
        await until(async () => (await log.ensure(stream).catch(() => null)) !== null);
      };
      await create();
      const origin = await log.ensure(stream);
      expect(origin.first).toEqual([0, 0, 0]);
      expect(origin.id).toMatch(/^[0-9a-f]{32}$/);
      await admin.deleteTopics({ topics: [stream.topic] });
      await until(async () => !(await admin.listTopics()).includes(stream.topic));
      await create();
      expect((await log.ensure(stream)).id).not.toBe(origin.id);
      await admin.disconnect();
    });

    it("says loudly that retention has passed a reader, and reads on from what is left", async () => {
      const stream = await made();
      await log.append(stream, records(10));
      const admin = outside().admin();
      await admin.connect();
      await admin.fetchTopicOffsets(stream.topic); // kafkajs wants the topic's metadata first
      await admin.deleteTopicRecords({ topic: stream.topic, partitions: [{ partition: 0, offset: "6" }] });
      await admin.disconnect();
      expect(await log.first(stream)).toEqual([6]);
      await expect(readAll(log, stream, start)).rejects.toMatchObject({
        code: "LOG_RANGE",
        facts: { offset: 0, first: 6, end: 10 },
      });
      expect((await readAll(log, stream, new Map([[0, 6]]))).get(0)!.length).toBe(4);
    });

    it("sees partitions added later", async () => {
      const stream = await made(1);
      await log.append(stream, records(1));
      const admin = outside().admin();
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic: stream.topic, count: 3 }] });
      await admin.disconnect();
      await until(async () => (await log.ensure(stream)).first.length === 3);
      expect(await log.append(stream, records(2, 2))).toEqual(new Map([[2, 2]]));
      expect((await readAll(log, stream, new Map([[2, 0]]))).get(2)!.length).toBe(2);
    });

    it("takes a large append in pieces", async () => {
      const stream = await made(2);
      const sent = Array.from({ length: 9000 }, (_, i) => ({
        partition: i % 2,
        key: null,
        value: Buffer.from(`${i} ${"x".repeat(500)}`),
      }));
      expect(await log.append(stream, sent)).toEqual(new Map([[0, 4500], [1, 4500]])); // biome-ignore format: pairs
      const found = await readAll(log, stream, new Map([[0, 0], [1, 0]]), 300_000); // biome-ignore format: pairs
      for (const partition of [0, 1]) {
        const values = found.get(partition)!.map(({ value }) => Number(value!.toString().split(" ")[0]));
        expect(values).toEqual(Array.from({ length: 4500 }, (_, i) => 2 * i + partition));
      }
    });

    it("refuses a record the broker does not take, and goes on", async () => {
      const stream = await made();
      await expect(
        log.append(stream, [{ partition: 0, key: null, value: Buffer.alloc(2 << 20) }]),
      ).rejects.toMatchObject({ code: "LOG_APPEND" });
      expect(await log.append(stream, records(1))).toEqual(new Map([[0, 1]]));
      warnings.splice(0);
    });
  });

  describe("Kafka log without a broker", () => {
    for (const address of ["127.0.0.1:1", "192.0.2.1:9092"]) {
      it(`says within 10 s that ${address} cannot be reached`, { timeout: 12_000 }, async () => {
        const log = new KafkaLog({ brokers: [address] });
        const before = performance.now();
        await expect(log.ensure(freshStream())).rejects.toMatchObject({
          code: "LOG_UNREACHABLE",
          message: expect.stringContaining(address),
        });
        expect(performance.now() - before).toBeLessThan(10_000);
        await log.close();
      });
    }
  });

  it.skipIf(lacking !== null)(
    "reads and appends on across a broker that is killed, without loss or doubling",
    { timeout: 120_000 },
    async () => {
      const broker = await startBroker();
      const warnings: string[] = [];
      const log = new KafkaLog({ brokers: [broker.brokers], warn: (message) => warnings.push(message) });
      try {
        const stream = freshStream(2);
        await log.ensure(stream);
        const from = new Map([[0, 0], [1, 0]]); // biome-ignore format: pairs
        const reader = await log.read(stream, from);
        const total = 600;
        const appending = (async () => {
          for (let i = 0; i < total; i++) {
            if (i === 200 || i === 400) {
              broker.kill();
              // The next append goes out while the broker is down.
              setTimeout(() => void broker.restart(), 300);
            }
            const ends = await log.append(stream, [{ partition: i % 2, key: null, value: Buffer.from(`${i}`) }]);
            expect(ends.get(i % 2)).toBe(Math.floor(i / 2) + 1);
          }
        })();
        appending.catch(() => undefined);
        const at = new Map(from);
        const seen: number[][] = [[], []];
        const deadline = Date.now() + 90_000;
        while (at.get(0)! + at.get(1)! < total && Date.now() < deadline) {
          for (const batch of await reader.next(10_000, 500)) {
            expect(batch.from).toBe(at.get(batch.partition));
            at.set(batch.partition, batch.upto);
            seen[batch.partition]!.push(...batch.records().map(({ value }) => Number(value)));
          }
        }
        await appending;
        expect(seen).toEqual([0, 1].map((partition) => Array.from({ length: total / 2 }, (_, i) => 2 * i + partition)));
        expect(warnings.some((message) => message.includes("cannot read"))).toBe(true);
        expect(warnings.some((message) => message.includes("again"))).toBe(true);
        await reader.close();
      } finally {
        await log.close();
        await broker.stop();
      }
    },
  );
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error("waited 20 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
