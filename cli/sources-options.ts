import type { Command } from "commander";
import type { VerbArgs } from "./verb.ts";

/** The verb that writes changelogs, and what it says of databases. */
export function sourcesCommand(program: Command, give: (args: VerbArgs["sources"], command: Command) => void): void {
  const sources = program
    .command("sources")
    .description("write changelogs: what is sent to them, and what their sources say")
    .action((_options, command: Command) => give({ does: "run" }, command));
  sources
    .command("inspect <source>")
    .description("print streams for the tables of a database, to put into the configuration")
    .action((source: string, _options, command: Command) => give({ does: "inspect", source }, command));
  sources
    .command("status")
    .description("show how far each source is, and what is wrong with it")
    .action((_options, command: Command) => give({ does: "status" }, command));
  sources
    .command("verify [streams...]")
    .description("compare changelogs with their tables, exactly at one LSN, while both go on")
    .option("--values", "show the keys of rows that differ", false)
    .option("--repair", "have those read again that differ", false)
    .action((streams: string[], { values, repair }: { values: boolean; repair: boolean }, command: Command) => {
      give({ does: "verify", streams, values, repair }, command);
    });
  sources
    .command("resnapshot <stream>")
    .description("have a table read again: the changelog gets what it does not say already")
    .action((stream: string, _options, command: Command) => give({ does: "resnapshot", stream }, command));
  sources
    .command("letters [source]")
    .description("list what was committed to an outbox and is no event, the oldest first")
    .option("--values", "include what was committed", false)
    .action((source: string | undefined, { values }: { values: boolean }, command: Command) => {
      give({ does: "letters", source: source ?? null, values }, command);
    });
}
