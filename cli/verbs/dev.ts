import { runBatchDaemon } from "../../batch/daemon.ts";
import { isChangelog } from "../../ingest/sent-changes.ts";
import type { Context } from "../context.ts";
import { batchOf, withProject } from "../opened.ts";
import { firstVersion, startDeliver, startServe, startSources, startSpeed } from "../roles.ts";
import type { VerbArgs } from "../verb.ts";

/** Every role in one process. When one fails, the others stop, too, and its error is the verb's. */
export async function run(context: Context, _args: VerbArgs["dev"]): Promise<number> {
  return withProject(context, async (opened) => {
    const manifest = await firstVersion(opened);
    const { schedule, archive, timezone } = opened.project.batch;
    const stop = new AbortController();
    const signal = AbortSignal.any([context.signal, stop.signal]);
    const roles = [
      startServe(context, opened, signal, (url) => {
        context.say(`${opened.project.name} is live at ${url}`);
      }),
      startSpeed(context, opened, manifest, null, signal),
      ...(opened.project.streams.some(isChangelog) ? [startSources(context, opened, signal)] : []),
      startDeliver(context, opened, signal),
      runBatchDaemon({
        batch: batchOf(opened, (line) => context.log.info(line)),
        schedule,
        archive,
        timezone,
        signal,
      }),
    ];
    for (const role of roles) role.catch(() => stop.abort());
    const outcomes = await Promise.allSettled(roles);
    const failed = outcomes.find((each) => each.status === "rejected");
    if (failed) throw failed.reason;
    return 0;
  });
}
