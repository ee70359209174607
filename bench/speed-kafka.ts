import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { type Broker, brokerAvailable, startBroker } from "../demo/broker/broker.ts";
import { openLog } from "../shared/log/open.ts";
import { alternate, figures, timed } from "./measure.ts";
import type { Bench, Figure, Part } from "./part.ts";
import { fill, make } from "./project.ts";
import { speedRate } from "./speed.ts";

/** Speed on a real broker, against kafkajs consuming the same topic and doing nothing with it. */
export const speedKafka: Part = {
  name: "speed-kafka",
  run: async (bench) => {
    const lacking = brokerAvailable();
    if (lacking) {
      bench.say(`SKIPPED, NOTHING MEASURED: no Kafka broker can be started here: ${lacking}`);
      const goal = { text: "≥ 0.60", reached: false };
      return [{ name: "speed, Kafka: SKIPPED, no broker", median: "–", spread: "–", ratio: null, goal }];
    }
    const broker = await startBroker({ dir: join(bench.folder, "broker"), throughput: true });
    try {
      return await run(bench, broker);
    } finally {
      await broker.stop();
    }
  },
};

async function run(bench: Bench, { brokers }: Broker): Promise<Figure[]> {
  const made = await make(bench.folder, [brokers]);
  const count = Math.round(5_000_000 * bench.scale);
  const log = await openLog({ data: made.project.dataDir, brokers: [brokers], warn: bench.say });
  try {
    const ms = await timed(() => fill(log, made.stream, count, bench.signal));
    bench.say(`${count} events appended to Kafka in ${(ms / 1000).toFixed(1)} s`);
    const contest = await alternate(
      bench.rounds,
      bench.signal,
      (round) => speedRate(bench, log, made.definition, count, `speed-${round}`),
      (round) => idleConsumer(brokers, made.stream.topic, count, `idle-${round}`),
    );
    return figures(["speed, Kafka, 3 views", "kafkajs, eachBatch does nothing"], contest, "events/s", 0.6);
  } finally {
    await log.close();
  }
}

/** The clock starts at the first batch: joining a group is not what is measured. */
async function idleConsumer(brokers: string, topic: string, count: number, groupId: string): Promise<number> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId, maxBytes: 32 << 20, maxBytesPerPartition: 8 << 20 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let consumed = 0;
  let started = 0;
  const ended = await new Promise<number>((resolve, reject) => {
    const eachBatch = async ({ batch }: { batch: { messages: readonly unknown[] } }) => {
      started ||= performance.now();
      consumed += batch.messages.length;
      if (consumed >= count) resolve(performance.now());
    };
    consumer.run({ eachBatch }).catch(reject);
  });
  await consumer.disconnect();
  return (count / (ended - started)) * 1000;
}
