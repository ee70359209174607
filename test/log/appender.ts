import { EmbeddedLog } from "../../shared/log/embedded.ts";

/**
 * Appends `count` times to partition 0 of a stream, a few records each, and prints the end offset after every
 * acknowledgement: `appender.ts <folder> <stream> <name> <count>`. A record's value is the name, the append's
 * number and the record's.
 */
const [folder, topic, name, count] = process.argv.slice(3) as [string, string, string, string];
const log = new EmbeddedLog(folder);
const stream = { name: topic, topic, existing: true, partitions: 1 };
for (let i = 0; i < Number(count); i++) {
  const values = Array.from({ length: 1 + (i % 4) }, (_, n) => Buffer.from(`${name} ${i} ${n}`));
  const ends = await log.append(
    stream,
    values.map((value) => ({ partition: 0, key: null, value })),
  );
  process.stdout.write(`${i} ${ends.get(0)}\n`);
}
await log.close();
