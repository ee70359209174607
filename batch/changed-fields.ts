/** Changed fields of a stream: what a run checks before it begins, and again before it publishes. */
import { Archive } from "../shared/archive/archive.ts";
import { checkEvolution } from "../shared/archive/evolution.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import type { Definition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { covers, ofStreams, type Position } from "../shared/position.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import type { Store } from "../shared/store/store.ts";

/** @throws CONFIG_STREAM, saying what to do, when earlier events can't be read with the fields as they are now */
export function checkFields({ streams }: Definition, before: VersionManifest): void {
  for (const stream of streams) {
    const old = before.definition.streams.find((each) => each.name === stream.name);
    if (old) checkEvolution(stream, old.fields, `as they are in version ${before.number}`);
  }
}

/**
 * New fields take effect at the new version's cut, so nothing beyond it may be archived with the old ones.
 * @throws BATCH_STALE
 */
export async function checkArchivedAlike(
  store: Store,
  origin: Position,
  { streams }: Definition,
  before: Definition,
  cut: Position,
): Promise<void> {
  for (const stream of streams) {
    const old = before.streams.find((each) => each.name === stream.name);
    if (!old || decoderOf(old) === decoderOf(stream)) continue;
    const own = ofStreams(cut, [stream.name]);
    const known = await Archive.read(store, ofStreams(origin, [stream.name]));
    const now = await known.withAdded(store, own);
    if (covers(own, now.uptoIn(own))) continue;
    throw new TidemarkError(
      "BATCH_STALE",
      `stream "${stream.name}" was meanwhile archived with its old fields beyond the new version's cut`,
      "nothing is lost: run the batch again",
    );
  }
}
