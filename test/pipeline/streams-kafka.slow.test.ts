/**
 * On a real broker: partitions that are added, a policy that is changed to compact, and timestamps of
 * producers' own.
 */
import kafkajs from "kafkajs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { runBatch } from "../../batch/run.ts";
import { brokerAvailable } from "../../demo/broker/broker.ts";
import { KafkaLog } from "../../shared/log/kafka.ts";
import { originOf } from "../../shared/store/origin.ts";
import { snapshotOf } from "../../shared/store/versions.ts";
import { sharedBroker } from "../support/broker.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

const given = process.env.KAFKA_BROKERS;
const lacking = given ? null : brokerAvailable();
const largest = String(2n ** 63n - 1n);
const views = { groups: "SELECT g, count(*) AS n, sum(x) AS x, last(x) AS l FROM events GROUP BY g" };

if (lacking) {
  it("has a broker to test with", (context) => {
    if (process.env.CI === "true") throw new Error(`Kafka cannot be tested here: ${lacking}`);
    context.skip(lacking);
  });
} else {
  kafkaTests();
}

function kafkaTests(): void {
  let brokers: string[];
  let admin: kafkajs.Admin;
  let producer: kafkajs.Producer;
  let world: World;
  let topics = 0;

  beforeAll(async () => {
    brokers = (await sharedBroker()).split(",");
    const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
    admin = kafka.admin();
    producer = kafka.producer({
      metadataMaxAge: 100,
      createPartitioner: () => (args) => args.message.partition ?? 0,
    });
    await Promise.all([admin.connect(), producer.connect()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.allSettled([admin?.disconnect(), producer?.disconnect()]);
  }, 30_000);

  async function openWorld(more: Record<string, unknown> = {}, settings: Record<string, string> = {}): Promise<World> {
    const topic = `streams-${Date.now()}-${topics++}`;
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: false });
    for (let known = false; !known; )
      known = await admin.fetchTopicMetadata({ topics: [topic] }).then(
        () => true,
        () => false,
      );
    const fields = stream("events", { g: "VARCHAR", x: "INTEGER" });
    world = await World.open({
      stream: { ...fields, topic, existing: true, partitions: 1, ...more },
      views,
      log: () => new KafkaLog({ brokers: brokers }),
    });
    return world;
  }
  const send = (messages: kafkajs.Message[]) => producer.send({ topic: world.stream.topic, messages });

  async function until(check: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 30_000; !(await check()); )
      if (Date.now() > end) throw new Error("it does not come to it");
  }

  it("takes up added partitions, and archives what they have", { timeout: 90_000 }, async () => {
    await openWorld();
    const version = await world.firstVersion();
    const writer = await world.writer(version, 0, { flushMsMax: 50 });
    await send([{ partition: 0, value: '{"g":"a","x":1}' }]);
    await until(() => writer.step().then(() => writer.position.events?.[0] === 1));
    await admin.createPartitions({ topicPartitions: [{ topic: world.stream.topic, count: 3 }] });
    await until(async () => (await world.log.end({ ...world.stream })).length === 3);
    await producer.disconnect();
    await producer.connect();
    await send([
      { partition: 2, value: '{"g":"b","x":2}' },
      { partition: 0, value: '{"g":"a","x":3}' },
    ]);
    await until(async () => {
      await writer.grow(
        world.stream,
        Object.keys((await originOf(world.store, world.log, world.stream)).origin.events!).length,
      );
      await writer.step();
      return writer.position.events?.[2] === 1 && writer.position.events[0] === 2;
    });
    const { manifest } = await runBatch(world.batch);
    expect(manifest).toMatchObject({ cut: { events: { 0: 2, 1: 0, 2: 1 } }, events: 3, proof: { state: "proved" } });
    await writer.close();
    await world.close();
  });

  it("refuses a compacted topic, and notices a policy that is changed", { timeout: 60_000 }, async () => {
    await openWorld({}, { "cleanup.policy": "compact" });
    await expect(world.firstVersion()).rejects.toThrow(`"${world.stream.topic}" is a compacted topic`);
    await world.close();
    await openWorld();
    await world.firstVersion();
    await send([{ partition: 0, key: "k", value: '{"g":"a","x":1}' }]);
    expect(await runArchive(world.batch)).toBe(1);
    const configEntries = [{ name: "cleanup.policy", value: "compact,delete" }];
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: world.stream.topic, configEntries };
    await admin.alterConfigs({ validateOnly: false, resources: [resource] });
    // metadata is cached for a while: another process asks again
    await world.log.close();
    world.log = new KafkaLog({ brokers: brokers });
    await until(() =>
      runArchive(world.batch).then(
        () => false,
        (error) => error.code === "LOG_COMPACTED",
      ),
    );
    await world.close();
  });

  it("accepts timestamps of any unit, and none of them moves log time", { timeout: 60_000 }, async () => {
    await openWorld(
      { id: "g", dedupMs: 3_600_000 },
      { "message.timestamp.after.max.ms": largest, "message.timestamp.before.max.ms": largest },
    );
    const version = await world.firstVersion();
    const now = Date.now();
    const wrong = [now * 1000, now * 1_000_000, BigInt(largest), 0, now + 3650 * 86_400_000].map(String);
    const messages = [String(now), ...wrong, String(now + 1000)].map((timestamp, i) => {
      return { partition: 0, timestamp, value: JSON.stringify({ g: i === 6 ? "e0" : `e${i}`, x: i }) };
    });
    await send(messages);
    const writer = await world.writer(version, 0, { flushMsMax: 50 });
    await until(() => writer.step().then(() => writer.position.events?.[0] === 7));
    const [entry] = (await snapshotOf(world.store, version)).heads[0]!.entries;
    // the last one has the first one's id, and a second lies between them
    expect(entry).toMatchObject({ events: 6, duplicates: 1, dead: 0, late: 5 });
    const { manifest } = await runBatch(world.batch);
    expect(manifest).toMatchObject({ events: 6, duplicates: 1, late: 5, proof: { state: "proved" } });
    await writer.close();
    await world.close();
  });
}
