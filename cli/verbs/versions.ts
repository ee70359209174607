import { formatPosition } from "../../shared/position.ts";
import { damagedFiles } from "../../shared/store/file-troubles.ts";
import { readVersion, unlessCorrupt, versionNumbers } from "../../shared/store/versions.ts";
import type { Context } from "../context.ts";
import { withStore } from "../opened.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** The kept versions, oldest first. */
export async function run(context: Context, _args: VerbArgs["versions"]): Promise<number> {
  return withStore(context, async (store) => {
    const manifests = [];
    for (const number of await versionNumbers(store)) {
      const manifest = await readVersion(store, number).catch(unlessCorrupt);
      if (manifest) manifests.push(manifest);
    }
    const rows = manifests.map(({ number, createdAt, cause, events, dead, cut, proof }) => ({
      version: number,
      created: createdAt,
      cause,
      events,
      dead,
      proof: proof.state,
      by: proof.by,
      cut: formatPosition(cut),
    }));
    for (const line of await damagedFiles(store)) context.say(`DAMAGED: ${line}`);
    await context.out(context.json ? `${JSON.stringify(rows)}\n` : tableText(rows));
    return 0;
  });
}
