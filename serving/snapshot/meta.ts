import { formatPosition } from "../../shared/position.ts";
import { isProved } from "../../shared/store/layout.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Meta } from "../client/meta.ts";
import type { Freshness } from "./freshness.ts";
import type { ServedVersion } from "./loaded.ts";

/** Where an answer's position text and lag come from. */
export interface MetaSources {
  readonly freshness: Freshness;
  readonly positions: PositionTexts;
  readonly now: () => number;
}

/**
 * An answer's metadata, with positions as texts that fit into headers.
 * @param view whose rows are answered; absent: all views
 */
export async function metaOf(
  served: ServedVersion,
  { freshness, positions, now }: MetaSources,
  view?: string,
): Promise<Meta> {
  const { position, manifest } = served;
  const meta = longMetaOf(served, freshness, now(), view);
  const verifiedUpTo = meta.verifiedUpTo === null ? null : await positions.textOf(manifest.cut);
  return { ...meta, position: await positions.textOf(position), verifiedUpTo };
}

/** The same, with full positions. */
export function longMetaOf(served: ServedVersion, freshness: Freshness, now: number, view?: string): Meta {
  const { proof } = served.manifest;
  const proved = view === undefined ? proof.state === "proved" : isProved(proof, view);
  return {
    position: formatPosition(served.position),
    version: served.manifest.number,
    verifiedUpTo: proved ? formatPosition(served.manifest.cut) : null,
    lagMs: freshness.lagMs(served.position, now),
    events: served.events,
    dead: served.counts.dead,
    duplicates: served.counts.duplicates,
    late: served.counts.late,
  };
}
