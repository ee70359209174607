/** The demos' own broker. */
import { TidemarkError } from "../shared/errors.ts";
import { type Broker, brokerAvailable, startBroker } from "./broker/broker.ts";
import type { Screen } from "./screen.ts";

export type LogKind = "embedded" | "kafka";

/** @param without what runs on the embedded log instead. @throws LOG_UNREACHABLE */
export async function startKafka(screen: Screen, without: string): Promise<Broker> {
  const lacking = brokerAvailable();
  if (lacking)
    throw new TidemarkError("LOG_UNREACHABLE", `no Kafka broker can be started here: ${lacking}`, `run: ${without}`);
  screen.line("Starting a real Kafka broker on 127.0.0.1 (its jars are fetched once) …");
  return startBroker();
}
