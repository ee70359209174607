/** SQL of clients over a world's newest snapshot, answered in this process. */
import type { Sandbox } from "../../../serving/sql/sandbox.ts";
import type { TidemarkError } from "../../../shared/errors.ts";
import { snapshotFiles } from "../../../shared/store/partials.ts";
import { bestSnapshot } from "../../../shared/store/versions.ts";
import type { World } from "../../pipeline/world.ts";
import { behind } from "../../support/store.ts";

const meta = {
  position: "",
  version: 1,
  verifiedUpTo: null,
  lagMs: null,
  events: { batch: 0, speed: 0 },
  dead: 0,
  duplicates: 0,
  late: 0,
};

/** The answer as CSV, or an error's code and message. */
export async function askWorld({ store }: World, sandbox: Sandbox, sql: string, timezone = "UTC"): Promise<string> {
  const snapshot = (await bestSnapshot(store))!;
  const views = snapshot.manifest.definition.views.map((view) => {
    const files = snapshotFiles(snapshot, view.name).map((file) => ({ ...file, path: behind(store).path(file.name) }));
    return { definition: view, failure: null, files };
  });
  const limits = { memory: "256MB", rowsMax: 100, bytesMax: 1 << 20 };
  const names = views.map((each) => each.definition.name);
  const scratch = store.scratch("answer");
  const ask = { sql, params: [], timezone, names, views, mediaType: "text/csv", meta, limits, scratch };
  return sandbox.answer(ask).then(
    ({ body }) => body.toString(),
    (error: TidemarkError) => `${error.code}: ${error.message}`,
  );
}
