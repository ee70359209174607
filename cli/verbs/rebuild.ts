import { setTimeout as sleep } from "node:timers/promises";
import { rebuild } from "../../batch/rebuild.ts";
import type { Verdict } from "../../shared/proof/derivations.ts";
import type { Context } from "../context.ts";
import { batchOf, withProject } from "../opened.ts";
import { orStopped } from "../stop.ts";
import type { VerbArgs } from "../verb.ts";
import { differingLines, withoutValues } from "./differing.ts";
import { viewsNamed } from "./verify.ts";

const perStep = 500_000;

/**
 * Exit 0 when replayed views equal what was served, where they are comparable; 1 when rows differ (they are
 * served now).
 */
export async function run(context: Context, { views, fullSpeed, values }: VerbArgs["rebuild"]): Promise<number> {
  return withProject(context, async (opened) => {
    const batch = batchOf(opened, (line) => context.say(line));
    viewsNamed((await batch.makeDefinition()).views, views);
    const result = await orStopped(
      rebuild({
        batch,
        views,
        fullSpeed,
        perStep,
        sleep: (ms) => sleep(ms, undefined, { signal: context.signal }),
        onStep: (done, all) =>
          context.say(`replayed ${done.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} offsets`),
      }),
      context.signal,
    );
    const { number, events, dead, proof } = result.manifest;
    const shown = values
      ? result.views
      : result.views.map((each) => ({ ...each, differences: withoutValues(each.differences, sides) }));
    if (context.json) await context.out(`${JSON.stringify({ version: number, events, dead, proof, views: shown })}\n`);
    else
      await context.out(`${[...result.views.map((each) => textOf(each, values)), `version ${number}`].join("\n")}\n`);
    return result.views.some((view) => view.differences.length > 0) ? 1 : 0;
  });
}

const sides = ["served", "replayed"] as const;

function textOf({ view, rows, differences, incomparable }: Verdict, values: boolean): string {
  if (incomparable) return `${view}: not compared: ${incomparable}`;
  if (differences.length === 0) return `${view}: ${rows} ${rows === 1 ? "row" : "rows"}, as served`;
  const heading = `${view}: ${differences.length} ${differences.length === 1 ? "row DIFFERS" : "rows DIFFER"} from what was served`;
  return [heading, ...differingLines(differences, sides, values)].join("\n");
}
