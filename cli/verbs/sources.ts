import type { Context } from "../context.ts";
import { withProject } from "../opened.ts";
import { firstVersion, startSources } from "../roles.ts";
import type { VerbArgs } from "../verb.ts";

/** Writes changelogs, until it is stopped. */
export async function run(context: Context, _args: VerbArgs["sources"]): Promise<number> {
  return withProject(context, async (opened) => {
    const manifest = await firstVersion(opened);
    context.log.info(`sources: writing the changelogs of version ${manifest.number}`);
    await startSources(context, opened, context.signal);
    return 0;
  });
}
