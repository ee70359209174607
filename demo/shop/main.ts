import { Command, InvalidArgumentError, Option } from "commander";
import { runToExit } from "../../cli/boundary.ts";
import { listenForStop } from "../../cli/stop.ts";
import type { LogKind } from "../kafka.ts";
import { runShop } from "./story.ts";

/** A shop in under a minute: `main.js [--log embedded|kafka] [--transactions N] [--seed N]`. */
const command = new Command("demo-shop")
  .addOption(
    new Option("--log <kind>", "the log that holds the changes").choices(["embedded", "kafka"]).default("embedded"),
  )
  .option("--transactions <n>", "what the shop does while it is followed", wholeNumber, 4000)
  .option("--seed <n>", "of what the shop does", wholeNumber, 1)
  .parse();

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("write a whole number above 0.");
  return number;
}

const signal = listenForStop();
await runToExit(
  async () => runShop({ ...command.opts<{ log: LogKind; transactions: number; seed: number }>(), signal }),
  signal,
  { json: false, debug: process.env.LOG_LEVEL === "debug" },
);
