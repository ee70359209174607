import type { VersionManifest } from "../../shared/store/layout.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, type World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import type { Api } from "./api.ts";

/**
 * A batch run, and its version served: what a night does.
 * @param afterPoll what else follows, after each poll of the follower
 * @param run what makes the version
 * @returns the new version's writer, which has caught up
 */
export async function handOver(
  world: World,
  { follower, follow }: Pick<Api, "follower" | "follow">,
  afterPoll: () => Promise<void> = async () => undefined,
  run: () => Promise<VersionManifest> = () => world.runBatch(),
): Promise<DeltaWriter> {
  const version = await run();
  const writer = await world.writer(version, 0);
  await catchUp(world, writer);
  await until(async () => {
    await follow();
    await afterPoll();
    return follower.manifest.number === version.number;
  });
  return writer;
}
