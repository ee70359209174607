import type { Context } from "../context.ts";
import { withProject } from "../opened.ts";
import { firstVersion, startSpeed, warnOfDrift } from "../roles.ts";
import type { VerbArgs } from "../verb.ts";

/** The streaming daemon, until it is stopped. */
export async function run(context: Context, { shard }: VerbArgs["speed"]): Promise<number> {
  return withProject(context, async (opened) => {
    const manifest = await firstVersion(opened);
    await warnOfDrift(context, opened, manifest);
    context.log.info(`speed: following ${opened.log.kind} log, version ${manifest.number}`);
    await startSpeed(context, opened, manifest, shard, context.signal);
    return 0;
  });
}
