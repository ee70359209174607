import { rollBack } from "../../batch/rollback.ts";
import { Incidents } from "../../shared/store/incidents.ts";
import type { Context } from "../context.ts";
import { withStore } from "../opened.ts";
import type { VerbArgs } from "../verb.ts";

/** Publishes a kept version again as the newest; speed and serve take it over like any other. */
export async function run(context: Context, { version }: VerbArgs["rollback"]): Promise<number> {
  return withStore(context, async (store) => {
    const incidents = new Incidents(store, "batch", Date.now);
    const manifest = await rollBack({ store, incidents, say: (line) => context.say(line), now: Date.now }, version);
    context.say(`version ${manifest.number} repeats version ${version}; it is served once its delta has caught up`);
    await context.out(context.json ? `${JSON.stringify({ version: manifest.number })}\n` : `${manifest.number}\n`);
    return 0;
  });
}
