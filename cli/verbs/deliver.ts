import { consumerStatus } from "../../deliveries/verify.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import type { Context } from "../context.ts";
import { type OpenProject, withProject } from "../opened.ts";
import { firstVersion, startDeliver } from "../roles.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** Keeps consumers' stores equal to their views, until it is stopped; or says how they are. */
export async function run(context: Context, args: VerbArgs["deliver"]): Promise<number> {
  return withProject(context, async (opened) => {
    if (opened.project.consumers.length === 0)
      throw new TidemarkError("USAGE", "the project has no consumers", "name one in consumers: {…}");
    if (args.does === "status") return showStatus(context, opened);
    const manifest = await firstVersion(opened);
    context.log.info(`deliver: following version ${manifest.number}`);
    await startDeliver(context, opened, context.signal);
    return 0;
  });
}

async function showStatus(context: Context, { project, store }: OpenProject): Promise<number> {
  const incidents = await incidentsIn(store);
  const found = await Promise.all(project.consumers.map((each) => consumerStatus(project.name, each, incidents)));
  if (context.json) await context.out(`${JSON.stringify(found)}\n`);
  else
    await context.out(
      tableText(
        found.map(({ consumer, from, to, position, troubles }) => ({
          consumer,
          from,
          to,
          "equal at": position ?? "",
          wrong: troubles.join("; "),
        })),
      ),
    );
  return 0;
}
