import { parseCommand } from "../../cli/command-line.ts";
import { createContext } from "../../cli/context.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { run as batch } from "../../cli/verbs/batch.ts";
import { run as load } from "../../cli/verbs/load.ts";
import { run as query } from "../../cli/verbs/query.ts";
import { run as sources } from "../../cli/verbs/sources.ts";
import { run as status } from "../../cli/verbs/status.ts";

/** Runs a verb in this process. @returns its standard output */
export async function tidemarkHere(...args: string[]): Promise<string> {
  const understood = parseCommand(args);
  if (!("invocation" in understood)) throw new Error("not understood");
  const { verb, args: given, options } = understood.invocation;
  let out = "";
  const context = {
    ...createContext(options, {}, new AbortController().signal),
    progress: false,
    say: () => undefined,
    out: async (text: string | Uint8Array) => {
      out += String(text);
    },
  };
  if (verb === "load") await load(context, given as VerbArgs["load"]);
  else if (verb === "batch") await batch(context, given as VerbArgs["batch"]);
  else if (verb === "query") await query(context, given as VerbArgs["query"]);
  else if (verb === "status") await status(context, given as VerbArgs["status"]);
  else if (verb === "sources") await sources(context, given as VerbArgs["sources"]);
  else throw new Error(`not among these verbs: ${verb}`);
  return out;
}
