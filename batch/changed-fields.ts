/** Changed fields of a stream: what a run checks before it begins, and again before it publishes. */
import { Archive } from "../shared/archive/archive.ts";
import { checkEvolution } from "../shared/archive/evolution.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import { memberPaths } from "../shared/archive/widens.ts";
import type { Definition, FieldDefinition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { covers, ofStreams, type Position, places } from "../shared/position.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import type { Store } from "../shared/store/store.ts";

/** @throws CONFIG_STREAM, saying what to do, when earlier events can't be read with the fields as they are now */
export function checkFields({ streams }: Definition, before: VersionManifest): void {
  for (const stream of streams) {
    const old = before.definition.streams.find((each) => each.name === stream.name);
    if (!old) continue;
    if ((old.changelog === undefined) !== (stream.changelog === undefined))
      throw new TidemarkError(
        "CONFIG_STREAM",
        `stream "${stream.name}" was ${old.changelog ? "a changelog" : "one of events"}, and so are its records`,
        "keep its kind, and start another stream",
      );
    checkEvolution(stream, old, `as they are in version ${before.number}`);
  }
}

/**
 * Records since have neither named it nor kept it: what a row was would be read otherwise than when it came.
 * @throws CONFIG_STREAM where a changelog's field comes back that had been left out
 */
export function checkNotBack(
  { streams }: Definition,
  { definition }: VersionManifest,
  archive: Archive,
  origin: Position,
): void {
  for (const stream of streams.filter(({ changelog }) => changelog)) {
    const old = definition.streams.find((each) => each.name === stream.name);
    if (!old || decoderOf(old) === decoderOf(stream)) continue;
    const before = new Set(rowPaths(old.fields));
    const added = new Set(rowPaths(stream.fields).filter((path) => !before.has(path)));
    const partitions = places(ofStreams(origin, [stream.name]));
    for (const { fields } of partitions.flatMap(({ partition }) => archive.of(stream.name, partition))) {
      const back = rowPaths(fields ?? []).find((path) => added.has(path));
      if (back !== undefined)
        throw new TidemarkError(
          "CONFIG_STREAM",
          `stream "${stream.name}": the field ${back} was left out, and comes back: rows of the meantime have lost it`,
          `name it otherwise: "${back}_2"`,
        );
    }
  }
}

/** The names of a row, and of what is in it, by the fields of a changelog's records. */
function rowPaths(fields: readonly FieldDefinition[]): string[] {
  return memberPaths(fields.find(({ name }) => name === "after")?.type ?? "");
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
