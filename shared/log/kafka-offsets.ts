import { messageOf } from "../errors.ts";
import type { Cluster } from "./kafka-client.ts";
import type { LogStream } from "./log.ts";

/** What to ask of every partition: its first offset, or its last stable one. */
type OffsetQuestion = { readonly fromBeginning: boolean };

/** @returns the answer of each partition; offsets are those of committed reads */
export async function offsetsOf(cluster: Cluster, stream: LogStream, question: OffsetQuestion): Promise<number[]> {
  const { topic } = stream;
  await cluster.refreshMetadataIfNecessary();
  const count = cluster.findTopicPartitionMetadata(topic).length;
  const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
  try {
    const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions, ...question }]);
    const offsets = new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return partitions.map(({ partition }) => {
      const offset = offsets.get(partition);
      // kafkajs leaves out a partition whose leader it does not know.
      if (offset === undefined) throw retriable(`partition ${partition} of ${topic} has no leader`);
      return offset;
    });
  } catch (error) {
    await cluster.refreshMetadata().catch(() => undefined);
    throw error;
  }
}

function retriable(message: string): Error {
  return Object.assign(new Error(messageOf(message)), { retriable: true });
}
