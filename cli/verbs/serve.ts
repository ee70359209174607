import type { Context } from "../context.ts";
import { withProject } from "../opened.ts";
import { firstVersion, startServe, warnOfDrift } from "../roles.ts";
import type { VerbArgs } from "../verb.ts";

/** The query API, until it is stopped. */
export async function run(context: Context, _args: VerbArgs["serve"]): Promise<number> {
  return withProject(context, async (opened) => {
    await warnOfDrift(context, opened, await firstVersion(opened));
    await startServe(context, opened, context.signal, (url) => context.log.info(`serve: listening at ${url}`));
    return 0;
  });
}
