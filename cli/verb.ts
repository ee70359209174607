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
  /** incremental only with once. */
  batch: { readonly once: boolean; readonly incremental: boolean };
  /** shard null: all of them. */
  speed: { readonly shard: number | null };
  serve: NoArgs;
  /** A file "-" is standard input. request null: one of its own. */
  load: {
    readonly stream: string;
    readonly files: readonly string[];
    readonly request: string | null;
    /** They are sent there instead of to the log. */
    readonly server: string | null;
    readonly input: InputOptions;
    /** A file to write the rows to that are no events; null: none. */
    readonly rejects: string | null;
    /** They are appended as dead letters. */
    readonly acceptDead: boolean;
    /** Nothing is appended. */
    readonly check: boolean;
    /** What they hold is told, too. */
    readonly values: boolean;
  };
  /** At most one of version and position; neither: the newest there is. */
  query: {
    readonly sql: string;
    readonly format: QueryFormat;
    readonly version: number | null;
    readonly position: string | null;
    /** Asked instead of the data folder. */
    readonly server: string | null;
  };
  /** replay: files of corrected lines; none: they are listed, or only counted. stream null: of all. */
  "dead-letters": {
    readonly stream: string | null;
    readonly count: boolean;
    /** Letters that are listed; null: all. */
    readonly limit: number | null;
    readonly values: boolean;
    readonly replay: readonly string[];
  };
  status: { readonly server: string | null };
  explain: { readonly view: string };
  diff: { readonly view: string };
  /** acceptLoss: offsets that neither archive nor log have are lost from here on. */
  repair: { readonly acceptLoss: boolean };
  /** No views: all of them. */
  rebuild: { readonly views: readonly string[]; readonly fullSpeed: boolean; readonly values: boolean };
  /** No views: all of them. files: every file is hashed instead. */
  verify: { readonly views: readonly string[]; readonly files: boolean; readonly values: boolean };
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
 * What cli/verbs/<verb>.ts exports as `run`. It resolves, with the exit code, when the verb's work is over and everything
 * it opened is closed; a daemon's does so soon after `context.signal` aborts. Failures are thrown: a TidemarkError becomes
 * its line and its exit code, anything else one line and 1.
 */
export type Run<V extends VerbName> = (context: Context, args: VerbArgs[V]) => Promise<number>;

/** A command line, understood. */
export type Invocation<V extends VerbName = VerbName> = {
  [W in V]: { readonly verb: W; readonly args: VerbArgs[W]; readonly options: Options };
}[V];
