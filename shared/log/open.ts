import { join } from "node:path";
import { EmbeddedLog } from "./embedded.ts";
import { KafkaLog } from "./kafka.ts";
import type { KafkaOptions } from "./kafka-client.ts";
import type { Log } from "./log.ts";

export interface LogOptions extends Omit<KafkaOptions, "brokers"> {
  /** The project's data folder; the embedded log is its subfolder `log`. */
  readonly data: string;
  /** `host:port` of Kafka brokers; none means the embedded log. */
  readonly brokers?: readonly string[];
}

/** The project's log: Kafka where brokers are named, else the embedded one. */
export function openLog({ data, brokers, ...kafka }: LogOptions): Log {
  return brokers && brokers.length > 0 ? new KafkaLog({ ...kafka, brokers }) : new EmbeddedLog(join(data, "log"));
}
