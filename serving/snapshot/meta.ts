import { formatPosition } from "../../shared/position.ts";
import { isProved } from "../../shared/store/layout.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Meta } from "../client/meta.ts";
import type { Freshness } from "./freshness.ts";
import type { ServedVersion } from "./loaded.ts";

/** What positions and lags are said by. */
export interface MetaSources {
  readonly freshness: Freshness;
  readonly positions: PositionTexts;
  readonly now: () => number;
}

/**
 * What an answer says of itself, with positions as texts that fit into headers.
 * @param view of whose rows; none: of all
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

/** The same, with positions in full. */
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
