import { messageOf } from "../../shared/errors.ts";
import { brokerAvailable, startBroker } from "./broker.ts";

/** Starts a broker in the foreground and prints its address: `main.ts [data folder] [port]`. Ctrl-C stops it. */
async function main(dir: string | undefined, port: string | undefined): Promise<void> {
  const reason = brokerAvailable();
  if (reason) throw new Error(reason);
  const broker = await startBroker({
    throughput: true,
    ...(dir ? { dir } : {}),
    ...(port ? { port: Number(port) } : {}),
  });
  process.stdout.write(`${broker.brokers}\n`);
  // One listener each; a second signal ends the process at once.
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await broker.stop();
}

main(process.argv[2], process.argv[3]).catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
});
