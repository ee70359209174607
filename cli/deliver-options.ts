import type { Command } from "commander";
import type { VerbArgs } from "./verb.ts";

/** The verb that keeps the stores of others equal to views, and what it says of them. */
export function deliverCommand(program: Command, give: (args: VerbArgs["deliver"], command: Command) => void): void {
  const deliver = program
    .command("deliver")
    .description("keep the stores of consumers equal to their views")
    .action((_options, command: Command) => give({ does: "run" }, command));
  deliver
    .command("status")
    .description("show which position each consumer's store is at, and what is wrong with it")
    .action((_options, command: Command) => give({ does: "status" }, command));
}
