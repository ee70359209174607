import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { TidemarkError } from "../shared/errors.ts";
import { type Scope, scopes } from "../shared/http/caller.ts";
import { loadCommand } from "./load-options.ts";
import type { Options } from "./options.ts";
import { serverUrl } from "./server-url.ts";
import type { Invocation, QueryFormat, VerbArgs, VerbName } from "./verb.ts";
import { packageVersion } from "./version.ts";

/** What to do: run a verb, or (help and version are printed already) end with an exit code. */
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
    .description("a small working project to start from")
    .action((dir: string | undefined, _options, command: Command) => {
      give("init", command, { dir: dir ?? command.optsWithGlobals<Options>().project });
    });
  serving(program.command("dev"))
    .description("every role in one process, until stopped")
    .action((_options, command: Command) => give("dev", command, {}));
  program
    .command("batch")
    .description("the scheduled batch daemon")
    .option("--once", "archive, recompute all views at one cut, publish and end", false)
    .option("--incremental", "with --once: fold the events since the newest version instead", false)
    .action((options: VerbArgs["batch"], command: Command) => {
      if (options.incremental && !options.once)
        throw new TidemarkError("USAGE", "--incremental is for one run", "write: tidemark batch --once --incremental");
      give("batch", command, options);
    });
  program
    .command("speed")
    .description("the streaming daemon")
    .option("--shard <i>", "only this shard", (text) => integer(text, "a shard's number"))
    .action((options: { shard?: number }, command: Command) => {
      give("speed", command, { shard: options.shard ?? null });
    });
  serving(program.command("serve"))
    .description("the query API and the dashboard")
    .action((_options, command: Command) => give("serve", command, {}));
  loadCommand(program, (args, command) => give("load", command, args));
  program
    .command("query <sql>")
    .description("run SQL over the views; needs no server")
    .addOption(
      new Option("--format <format>", "how rows are printed (default: table, or json with --json)").choices([
        "table",
        "json",
        "ndjson",
        "csv",
      ]),
    )
    .addOption(
      new Option("--version <n>", "as a version had it at its cut").conflicts("position").argParser(wholeNumber),
    )
    .option("--position <position>", "as it was when the log stood there, e.g. orders@0:1200,1:1180")
    .option("--server <url>", "ask a server instead of the data folder; its key in TIDEMARK_KEY", serverUrl)
    .action(
      (
        sql: string,
        options: { format?: QueryFormat; version?: number; position?: string; server?: string },
        command: Command,
      ) => {
        const { json } = command.optsWithGlobals<Options>();
        const { format = json ? "json" : "table", version = null, position = null, server = null } = options;
        if (server !== null && (version !== null || position !== null))
          throw new TidemarkError("USAGE", "a server answers for now only", "leave out --version and --position");
        give("query", command, { sql, format, version, position, server });
      },
    );
  const letters = program
    .command("dead-letters")
    .description("records that are no events: list, count, correct and replay");
  letters
    .command("list [stream]")
    .description("one JSON line each, to be corrected and replayed")
    .option("--count", "how many there are, by reason", false)
    .option("--limit <n>", "no more than so many, the first of each stream's partitions first", wholeNumber)
    .option("--values", "with what was sent: needed to correct it", false)
    .action(
      (stream: string | undefined, options: { count: boolean; values: boolean; limit?: number }, command: Command) => {
        const { count, values, limit = null } = options;
        give("dead-letters", command, { stream: stream ?? null, count, values, limit, replay: [] });
      },
    );
  letters
    .command("replay <files...>")
    .description("append the corrected events of such lines (-: standard input), each exactly once")
    .action((files: string[], _options, command: Command) => {
      give("dead-letters", command, { stream: null, count: false, limit: null, values: false, replay: files });
    });
  program
    .command("status")
    .description("streams, log ends, cut, speed position, lag, versions, dead letters")
    .option("--server <url>", "of a server instead of the data folder; its key in TIDEMARK_KEY", serverUrl)
    .action(({ server }: { server?: string }, command: Command) => give("status", command, { server: server ?? null }));
  program
    .command("explain <view>")
    .description("the SQL derived for a view, and the class of each aggregate")
    .action((view: string, _options, command: Command) => give("explain", command, { view }));
  program
    .command("diff <view>")
    .description("how a view's answers would change with the project's files, before they do")
    .action((view: string, _options, command: Command) => give("diff", command, { view }));
  program
    .command("verify [views...]")
    .description("recompute from archive and log with the views' own SQL, and compare every row")
    .option("--files", "hash every file that an answer may need, and name the damaged ones", false)
    .option("--values", "show the rows that differ, not only in which columns", false)
    .action((views: string[], { files, values }: { files: boolean; values: boolean }, command: Command) => {
      if (files && views.length > 0) throw new TidemarkError("USAGE", "--files looks at all files", "name no views");
      give("verify", command, { views, files, values });
    });
  program
    .command("repair")
    .description("look for damage and missing offsets; make again what archive and log can still tell")
    .option("--accept-loss", "go on without events that neither archive nor log have any more", false)
    .action(({ acceptLoss }: { acceptLoss: boolean }, command: Command) => {
      give("repair", command, { acceptLoss });
    });
  program
    .command("rebuild [views...]")
    .description("replay from the beginning into a new version, report the differences, then switch")
    .option("--full-speed", "without resting after each step for what is live", false)
    .option("--values", "show the rows that differ, not only in which columns", false)
    .action((views: string[], { fullSpeed, values }: { fullSpeed: boolean; values: boolean }, command: Command) => {
      give("rebuild", command, { views, fullSpeed, values });
    });
  program
    .command("types")
    .description("TypeScript types of the project's views and streams, for tidemark/client")
    .option("--out <file>", "write them there instead of to standard output")
    .action(({ out }: { out?: string }, command: Command) => give("types", command, { file: out ?? null }));
  const keys = program.command("keys").description("API keys: add, list, revoke");
  keys
    .command("add <name>")
    .description("make a key and print it, once")
    .option("--scopes <list>", `what it is for: ${scopes.join(", ")}`, scopesIn, ["read" as const])
    .option("--expires <day>", "when it ends", timeIn)
    .action((name: string, options: { scopes: Scope[]; expires?: string }, command: Command) => {
      give("keys", command, { does: "add", name, scopes: options.scopes, expiresAt: options.expires ?? null });
    });
  keys
    .command("list")
    .description("the keys, without their secrets")
    .action((_options, command: Command) => give("keys", command, { does: "list" }));
  keys
    .command("revoke <id>")
    .description("end a key, by its id or its name")
    .action((which: string, _options, command: Command) => give("keys", command, { does: "revoke", which }));
  program
    .command("versions")
    .description("the versions in the store")
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
    .option("--without-keys", "let others in without API keys, where the address can be reached by them");
}

function scopesIn(text: string): Scope[] {
  const found = text.split(",").map((each) => each.trim());
  const known: readonly string[] = scopes;
  if (found.every((each): each is Scope => known.includes(each))) return [...new Set(found)];
  throw new InvalidArgumentError(`There are ${scopes.join(", ")}.`);
}

/** A day ends when it is over, in UTC. */
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

/** commander's message, which may run over two lines and end in a guess, as one of ours. */
function usage(text: string): TidemarkError {
  const guess = /\(Did you mean (one of )?(.*?)\?\)/s.exec(text)?.[2];
  const message = text
    .replace(/^error: /, "")
    .replace(/\s*\(Did you mean .*\)/s, "")
    .replace(/\.\s*$/, "");
  return new TidemarkError("USAGE", message, guess ? `did you mean ${guess}?` : "see tidemark --help");
}
