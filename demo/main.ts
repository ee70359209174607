import { Command, Option } from "commander";
import { runToExit } from "../cli/boundary.ts";
import { listenForStop } from "../cli/stop.ts";
import type { LogKind } from "./kafka.ts";
import { runStory } from "./story.ts";

/** The whole story in about a minute: `main.js [--log embedded|kafka] [--share 0..1] [--seconds S] [--data DIR]`. */
const command = new Command("demo")
  .addOption(
    new Option("--log <kind>", "the log that holds the events").choices(["embedded", "kafka"]).default("embedded"),
  )
  .option("--share <share>", "share of the three million flights", Number, 1)
  .option("--seconds <seconds>", "the seconds over which the last third is streamed", Number, 25)
  .option("--data <dir>", "the data folder (default: where make dev finds it)")
  .parse();

const signal = listenForStop();
await runToExit(
  async () => {
    const options = command.opts<{ log: LogKind; share: number; seconds: number; data?: string }>();
    return runStory({ ...options, data: options.data ?? null, signal });
  },
  signal,
  { json: false, debug: process.env.LOG_LEVEL === "debug" },
);
