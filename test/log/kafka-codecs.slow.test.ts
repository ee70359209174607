/**
 * Record batches of each codec: what Kafka's own client writes is read here, and what is written here is read
 * by it.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Broker, brokerAvailable, brokerClasspath, startBroker } from "../../demo/broker/broker.ts";
import { KafkaLog } from "../../shared/log/kafka.ts";
import { codecNames } from "../../shared/log/kafka-wire.ts";
import type { Log } from "../../shared/log/log.ts";

const lacking = brokerAvailable();
const count = 2000;
const textOf = (i: number) => `{"n":${i},"t":"${"漢ä ".repeat(i % 40)}"}`;

describe.skipIf(lacking !== null && process.env.CI !== "true")("codecs of Kafka", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 120_000);
  afterAll(async () => broker?.stop(), 30_000);

  const java = async (mode: "produce" | "consume", topics: ReadonlyMap<string, string>): Promise<string> => {
    const program = fileURLToPath(new URL("Codecs.java", import.meta.url));
    const options = ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", brokerClasspath(), program];
    const pairs = [...topics].map(([codec, topic]) => `${topic}=${codec}`);
    const args = [...options, mode, broker.brokers, String(count), ...pairs];
    return (await promisify(execFile)("java", args)).stdout.trim();
  };
  const topicsOf = async (log: Log, writer: string): Promise<Map<string, string>> => {
    const topics = new Map(
      codecNames.map((codec) => [codec as string, `${writer}-${codec}-${randomUUID().slice(0, 8)}`]),
    );
    for (const topic of topics.values()) await log.ensure({ name: topic, topic, existing: false, partitions: 1 });
    return topics;
  };
  const valuesIn = async (log: Log, topic: string): Promise<string[]> => {
    const stream = { name: topic, topic, existing: true, partitions: 1 };
    const reader = await log.read(stream, new Map([[0, 0]]));
    const values: string[] = [];
    for (const until = performance.now() + 20_000; values.length < count && performance.now() < until; )
      for (const batch of await reader.next(1 << 20, 1000))
        values.push(...batch.records().map((record) => record.value!.toString()));
    await reader.close();
    return values;
  };
  const expected = Array.from({ length: count }, (_, i) => textOf(i));

  it("written by Kafka's client, read here", async () => {
    const log = new KafkaLog({ brokers: [broker.brokers] });
    const topics = await topicsOf(log, "java");
    await java("produce", topics);
    for (const [codec, topic] of topics) expect([codec, await valuesIn(log, topic)]).toEqual([codec, expected]);
    await log.close();
  }, 90_000);

  it("written here, read by Kafka's client", async () => {
    const plain = new KafkaLog({ brokers: [broker.brokers] });
    const topics = await topicsOf(plain, "ours");
    for (const codec of codecNames) {
      const log = new KafkaLog({ brokers: [broker.brokers], compression: codec });
      const topic = topics.get(codec)!;
      const records = expected.map((value) => ({ partition: 0, key: null, value: Buffer.from(value) }));
      await log.append({ name: topic, topic, existing: true, partitions: 1 }, records);
      await log.close();
      expect([codec, await valuesIn(plain, topic)]).toEqual([codec, expected]);
    }
    const read = (await java("consume", topics)).split("\n");
    expect(read.sort()).toEqual([...topics.values()].map((topic) => `${topic} ${count}`).sort());
    await plain.close();
  }, 90_000);
});
