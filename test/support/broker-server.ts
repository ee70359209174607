/** One broker for all tests of a run that need no broker of their own: started by the first that asks for it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Broker, startBroker } from "../../demo/broker/broker.ts";

/** Runs in vitest's own process, before the tests. @returns what ends it after them */
export default async function serveBroker(): Promise<() => Promise<void>> {
  let broker: Promise<Broker> | null = null;
  const server = createServer((_, response) => {
    broker ??= startBroker();
    broker.then(
      ({ brokers }) => response.end(brokers),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.TEST_BROKER = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async () => {
    server.closeAllConnections();
    server.close();
    await (await broker?.catch(() => null))?.stop();
  };
}
