import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { TidemarkError } from "../shared/errors.ts";
import { type Scope, scopes } from "../shared/http/caller.ts";
import { deliverCommand } from "./deliver-options.ts";
import { loadCommand } from "./load-options.ts";
import type { Options } from "./options.ts";
import { serverUrl } from "./server-url.ts";
import { sourcesCommand } from "./sources-options.ts";
import type { Invocation, QueryFormat, VerbArgs, VerbName } from "./verb.ts";
import { packageVersion } from "./version.ts";

/** A verb to run, or (after help and version are printed) an exit code. */
export type ParsedCommand = { readonly invocation: Invocation } | { readonly exitCode: number };

/**
 * @param argv what follows the program's name
 * @throws TidemarkError USAGE
 */
export function parseCommand(argv: readonly string[]): ParsedCommand {
  // not commander's own option, which would take `query --version N` for itself
  if (argv.length === 1 && /^(--version|-V)$/.test(argv[0]!)) {
    process.stdout.write(`${packageVersion()}\n`);
    return { exitCode: 0 };
  }
  let invocation: Invocation | undefined;
  const program = commandLine((found) => {
    invocation = found;
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { exitCode: 0 };
    if (error.code === "commander.help") return { exitCode: 2 };
    throw usage(error.message);
  }
  return invocation === undefined ? { exitCode: 2 } : { invocation };
}

function commandLine(found: (invocation: Invocation) => void): Command {
  const program = new Command("tidemark")
    .description("Live analytics views over an event log.")
    .addHelpText("after", "\nWith --version alone, prints the version.")
    .option("--project <dir>", "the project's folder", ".")
    .option("--data <dir>", "the data folder (default: .tidemark in the project)")
    .option("--brokers <list>", "Kafka's brokers, host:port, separated by commas", (text) => text.split(","))
    .option("--json", "data as JSON on standard output, an error as JSON on standard error", false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => undefined })
    .exitOverride();

  function give<V extends VerbName>(verb: V, command: Command, args: VerbArgs[V]): void {
    const { project, data, json, brokers, host, port, withoutKeys } = command.optsWithGlobals<Options>();
    found({ verb, args, options: { project, data, json, brokers, host, port, withoutKeys } } as Invocation);
  }

  program
    .command("init [dir]")
    .description("write a small working project to start from")
    .action((dir: string | undefined, _options, command: Command) => {
      give("init", command, { dir: dir ?? command.optsWithGlobals<Options>().project });
    });
  serving(program.command("dev"))
    .description("run every role in one process, until stopped")
    .action((_options, command: Command) => give("dev", command, {}));
  program
    .command("batch")
    .description("run the batch layer on its schedule")
    .option("--once", "archive, recompute all views at one cut, publish and exit", false)
    .option("--incremental", "with --once: fold the events since the newest version instead", false)
    .action((options: VerbArgs["batch"], command: Command) => {
      if (options.incremental && !options.once)
        throw new TidemarkError("USAGE", "--incremental needs --once", "write: tidemark batch --once --incremental");
      give("batch", command, options);
    });
  program
    .command("speed")
    .description("run the speed layer")
    .option("--shard <i>", "run only this shard", (text) => integer(text, "a shard's number"))
    .action((options: { shard?: number }, command: Command) => {
      give("speed", command, { shard: options.shard ?? null });
    });
  serving(program.command("serve"))
    .description("serve the query API and the dashboard")
    .action((_options, command: Command) => give("serve", command, {}));
  sourcesCommand(program, (args, command) => give("sources", command, args));
  deliverCommand(program, (args, command) => give("deliver", command, args));
  loadCommand(program, (args, command) => give("load", command, args));
  program
    .command("query <sql>")
    .description("run SQL over the views, without a server")
    .addOption(
      new Option("--format <format>", "output format (default: table, or json with --json)").choices([
        "table",
        "json",
        "ndjson",
        "csv",
      ]),
    )
    .addOption(
      new Option("--version <n>", "answer as of this version's cut").conflicts("position").argParser(wholeNumber),
    )
    .option("--position <position>", "answer as of this log position, e.g. orders@0:1200,1:1180")
    .option("--server <url>", "query a server instead of the data folder, with the key in TIDEMARK_KEY", serverUrl)
    .action(
      (
        sql: string,
        options: { format?: QueryFormat; version?: number; position?: string; server?: string },
        command: Command,
      ) => {
        const { json } = command.optsWithGlobals<Options>();
        const { format = json ? "json" : "table", version = null, position = null, server = null } = options;
        if (server !== null && (version !== null || position !== null))
          throw new TidemarkError(
            "USAGE",
            "a server answers at its current position only",
            "leave out --version and --position",
          );
        give("query", command, { sql, format, version, position, server });
      },
    );
  const letters = program
    .command("dead-letters")
    .description("list, count, correct and replay records that are not valid events");
  letters
    .command("list [stream]")
    .description("list dead letters, one JSON line each, to correct and replay")
    .option("--count", "count them by reason instead", false)
    .option("--limit <n>", "list at most n, each partition's oldest first", wholeNumber)
    .option("--values", "include the values as sent, which are needed to correct them", false)
    .action(
      (stream: string | undefined, options: { count: boolean; values: boolean; limit?: number }, command: Command) => {
        const { count, values, limit = null } = options;
        give("dead-letters", command, { stream: stream ?? null, count, values, limit, replay: [] });
      },
    );
  letters
    .command("replay <files...>")
    .description("append the events of corrected lines (-: standard input), each exactly once")
    .action((files: string[], _options, command: Command) => {
      give("dead-letters", command, { stream: null, count: false, limit: null, values: false, replay: files });
    });
  program
    .command("status")
    .description("show streams, log ends, cut, speed position, lag, versions and dead letters")
    .option("--server <url>", "ask a server instead of the data folder, with the key in TIDEMARK_KEY", serverUrl)
    .action(({ server }: { server?: string }, command: Command) => give("status", command, { server: server ?? null }));
  program
    .command("explain <view>")
    .description("show the SQL derived for a view, and the class of each aggregate")
    .action((view: string, _options, command: Command) => give("explain", command, { view }));
  program
    .command("diff <view>")
    .description("show how the project's files would change a view's answers, before they are published")
    .action((view: string, _options, command: Command) => give("diff", command, { view }));
  program
    .command("verify [views...]")
    .description("recompute from archive and log with the views' own SQL, and compare every row")
    .option("--files", "hash every file that an answer may need instead, and list damaged ones", false)
    .option("--values", "show the rows that differ, not only their columns", false)
    .option("--consumer <name>", "compare this consumer's store with its view instead, at the position that it states")
    .option("--repair", "with --consumer: have it filled again where it differs", false)
    .action((views: string[], options: VerifyOptions, command: Command) => {
      give("verify", command, verifyArgs(views, options));
    });
  program
    .command("repair")
    .description("find damaged files and missing offsets, and restore what archive and log still hold")
    .option("--accept-loss", "accept that events are lost which neither archive nor log holds any longer", false)
    .action(({ acceptLoss }: { acceptLoss: boolean }, command: Command) => {
      give("repair", command, { acceptLoss });
    });
  program
    .command("rebuild [views...]")
    .description("replay from the beginning into a new version, report the differences, then switch")
    .option("--full-speed", "do not rest after each step to leave room for live work", false)
    .option("--values", "show the rows that differ, not only their columns", false)
    .action((views: string[], { fullSpeed, values }: { fullSpeed: boolean; values: boolean }, command: Command) => {
      give("rebuild", command, { views, fullSpeed, values });
    });
  program
    .command("types")
    .description("write TypeScript types of the project's views and streams, for tidemark/client")
    .option("--out <file>", "write to this file instead of standard output")
    .action(({ out }: { out?: string }, command: Command) => give("types", command, { file: out ?? null }));
  const keys = program.command("keys").description("add, list and revoke API keys");
  keys
    .command("add <name>")
    .description("create a key and print it, once")
    .option("--scopes <list>", `what the key allows: ${scopes.join(", ")}`, scopesIn, ["read" as const])
    .option("--expires <day>", "the last day on which it is valid, such as 2030-12-31", timeIn)
    .action((name: string, options: { scopes: Scope[]; expires?: string }, command: Command) => {
      give("keys", command, { does: "add", name, scopes: options.scopes, expiresAt: options.expires ?? null });
    });
  keys
    .command("list")
    .description("list the keys, without their secrets")
    .action((_options, command: Command) => give("keys", command, { does: "list" }));
  keys
    .command("revoke <id>")
    .description("revoke a key, by its id or its name")
    .action((which: string, _options, command: Command) => give("keys", command, { does: "revoke", which }));
  program
    .command("versions")
    .description("list the versions in the store")
    .action((_options, command: Command) => give("versions", command, {}));
  program
    .command("rollback <version>")
    .description("serve an older version again, as a new one")
    .action((version: string, _options, command: Command) => {
      give("rollback", command, { version: wholeNumber(version) });
    });
  return program;
}

function serving(command: Command): Command {
  return command
    .option("--host <host>", "address to listen on")
    .option("--port <port>", "port to listen on; 0 takes any free one", (text) => integer(text, "a port"))
    .option("--without-keys", "serve without API keys even when other machines can reach the address");
}

function scopesIn(text: string): Scope[] {
  const found = text.split(",").map((each) => each.trim());
  const known: readonly string[] = scopes;
  if (found.every((each): each is Scope => known.includes(each))) return [...new Set(found)];
  throw new InvalidArgumentError(`Use ${scopes.join(", ")}.`);
}

/** A day counts to its end, in UTC. */
function timeIn(text: string): string {
  const time = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T23:59:59.999Z` : text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("Write a day such as 2030-12-31.");
  return new Date(time).toISOString();
}

function wholeNumber(text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  throw new TidemarkError(
    "USAGE",
    `${JSON.stringify(text)} is not a version's number`,
    "list them with: tidemark versions",
  );
}

function integer(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`Write ${what}, such as 0.`);
  return Number(text);
}

/** Turns commander's message, which may have two lines and end in a suggestion, into one of ours. */
function usage(text: string): TidemarkError {
  const guess = /\(Did you mean (one of )?(.*?)\?\)/s.exec(text)?.[2];
  const message = text
    .replace(/^error: /, "")
    .replace(/\s*\(Did you mean .*\)/s, "")
    .replace(/\.\s*$/, "");
  return new TidemarkError("USAGE", message, guess ? `did you mean ${guess}?` : "see tidemark --help");
}

interface VerifyOptions {
  readonly files: boolean;
  readonly values: boolean;
  readonly consumer?: string;
  readonly repair: boolean;
}

function verifyArgs(views: readonly string[], options: VerifyOptions): VerbArgs["verify"] {
  const { files, values, consumer = null, repair } = options;
  if (files && views.length > 0) throw new TidemarkError("USAGE", "--files checks all files", "leave out the views");
  if (consumer !== null && (files || views.length > 0))
    throw new TidemarkError("USAGE", "--consumer compares one store", "leave out --files and the views");
  if (repair && consumer === null)
    throw new TidemarkError("USAGE", "--repair needs --consumer", "views are mended by tidemark repair");
  return { views, files, values, consumer, repair };
}
