import { join } from "node:path";
import { EmbeddedLog } from "./embedded.ts";
import type { KafkaOptions } from "./kafka-client.ts";
import type { Log } from "./log.ts";

export interface LogOptions extends Omit<KafkaOptions, "brokers"> {
  /** The project's data folder; the embedded log is its subfolder `log`. */
  readonly data: string;
  /** `host:port` of Kafka brokers; none means the embedded log. */
  readonly brokers?: readonly string[];
}

/** The project's log: Kafka where brokers are named, else the embedded one. Kafka's client is loaded only for it. */
export async function openLog({ data, brokers, ...kafka }: LogOptions): Promise<Log> {
  if (!brokers || brokers.length === 0) return new EmbeddedLog(join(data, "log"));
  const { KafkaLog } = await import("./kafka.ts");
  return new KafkaLog({ ...kafka, brokers });
}
