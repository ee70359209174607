import type { Scope } from "../shared/http/caller.ts";
import type { Context } from "./context.ts";
import type { InputOptions } from "./input/input.ts";
import type { Options } from "./options.ts";

/** A verb without arguments. */
export type NoArgs = Readonly<Record<string, never>>;

export type QueryFormat = "table" | "json" | "ndjson" | "csv";

/** What the command line gives each verb, checked and typed. */
export interface VerbArgs {
  init: { readonly dir: string };
  dev: NoArgs;
  /** incremental requires once. */
  batch: { readonly once: boolean; readonly incremental: boolean };
  /** shard null: all shards. */
  speed: { readonly shard: number | null };
  serve: NoArgs;
  sources:
    | { readonly does: "run" }
    | { readonly does: "status" }
    | { readonly does: "inspect"; readonly source: string }
    /** No streams: all that follow a database. repair: what differs is read again. */
    | {
        readonly does: "verify";
        readonly streams: readonly string[];
        readonly values: boolean;
        readonly repair: boolean;
      }
    | { readonly does: "resnapshot"; readonly stream: string }
    /** source null: all that have an outbox. */
    | { readonly does: "letters"; readonly source: string | null; readonly values: boolean };
  deliver: { readonly does: "run" | "status" };
  /** A file "-" is standard input. request null: a random id. */
  load: {
    readonly stream: string;
    readonly files: readonly string[];
    readonly request: string | null;
    /** The server to send events to; null: the log. */
    readonly server: string | null;
    readonly input: InputOptions;
    /** The file to write invalid rows to, or null. */
    readonly rejects: string | null;
    /** Append invalid rows as dead letters. */
    readonly acceptDead: boolean;
    /** Append nothing. */
    readonly check: boolean;
    /** Write the content of invalid rows, too. */
    readonly values: boolean;
  };
  /** At most one of version and position; neither: the newest position. */
  query: {
    readonly sql: string;
    readonly format: QueryFormat;
    readonly version: number | null;
    readonly position: string | null;
    /** The server to query; null: the data folder. */
    readonly server: string | null;
  };
  /** replay: files of corrected lines; empty: list or count. stream null: all streams. */
  "dead-letters": {
    readonly stream: string | null;
    readonly count: boolean;
    /** The most letters to list; null: all. */
    readonly limit: number | null;
    readonly values: boolean;
    readonly replay: readonly string[];
  };
  status: { readonly server: string | null };
  explain: { readonly view: string };
  diff: { readonly view: string };
  /** acceptLoss: record offsets that neither archive nor log holds as lost. */
  repair: { readonly acceptLoss: boolean };
  /** No views: all views. */
  rebuild: { readonly views: readonly string[]; readonly fullSpeed: boolean; readonly values: boolean };
  /** No views: all views. */
  verify: {
    readonly views: readonly string[];
    /** Hash every file instead. */
    readonly files: boolean;
    readonly values: boolean;
    /** Compare this consumer's store instead; null: views. */
    readonly consumer: string | null;
    /** Have a consumer's store filled again where it differs. */
    readonly repair: boolean;
  };
  /** file null: standard output. */
  types: { readonly file: string | null };
  /** which: an id or a name. */
  keys:
    | {
        readonly does: "add";
        readonly name: string;
        readonly scopes: readonly Scope[];
        readonly expiresAt: string | null;
      }
    | { readonly does: "list" }
    | { readonly does: "revoke"; readonly which: string };
  versions: NoArgs;
  rollback: { readonly version: number };
}

export type VerbName = keyof VerbArgs;

/**
 * What cli/verbs/<verb>.ts exports as `run`. It resolves, with the exit code, when the verb's work is over and
 * everything it opened is closed; a daemon's does so soon after `context.signal` aborts. Failures are thrown: a
 * TidemarkError becomes its line and its exit code, anything else one line and 1.
 */
export type Run<V extends VerbName> = (context: Context, args: VerbArgs[V]) => Promise<number>;

/** A parsed command line. */
export type Invocation<V extends VerbName = VerbName> = {
  [W in V]: { readonly verb: W; readonly args: VerbArgs[W]; readonly options: Options };
}[V];
