import { describeRun } from "../../batch/daemon.ts";
import { repair } from "../../batch/repair.ts";
import type { Range } from "../../shared/position.ts";
import type { Context } from "../context.ts";
import { batchOf, withProject } from "../opened.ts";
import { nothing } from "../snapshot.ts";
import type { VerbArgs } from "../verb.ts";

/** Exit 0 when everything is intact or repaired; 1, listing what is not, otherwise. */
export async function run(context: Context, { acceptLoss }: VerbArgs["repair"]): Promise<number> {
  return withProject(context, async (opened) => {
    const found = await repair(
      batchOf(opened, (line) => context.say(line)),
      acceptLoss,
    );
    if (!found) throw nothing(opened.store);
    const { mended, views, remade, damaged, missing, lost, answered } = found;
    if (context.json) await context.out(`${JSON.stringify({ ...found, views: views?.manifest.number ?? null })}\n`);
    for (const each of mended) context.say(`${each} was damaged: restored from its other copy`);
    for (const each of remade) context.say(`archive of ${textOf(each)}: restored from the log`);
    if (views) context.say(`damaged views were recomputed: ${describeRun(views)}`);
    for (const each of lost) context.say(`${textOf(each)}: accepted as lost`);
    for (const each of answered)
      context.say(
        `${textOf(each)}: answers still count events of these offsets; to leave them out, run: tidemark rebuild`,
      );
    for (const each of damaged) context.say(`archive of ${textOf(each)} is DAMAGED: ${each.why}`);
    for (const each of missing)
      context.say(
        `${textOf(each)}: MISSING, the log dropped them before they were archived; restore the log, or stop batch and accept the loss of these events: tidemark repair --accept-loss`,
      );
    const left = damaged.length + missing.length;
    if (left === 0)
      context.say(remade.length + mended.length > 0 || views ? "everything is intact again" : "everything is intact");
    return left === 0 ? 0 : 1;
  });
}

function textOf({ stream, partition, from, upto }: Range): string {
  return `${stream} partition ${partition}, offsets ${from} to ${upto}`;
}
