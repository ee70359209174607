import { formatPosition, offsetAt, type Position, places, positionOf } from "../../shared/position.ts";
import type { Incident } from "../../shared/store/incidents.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { ViewHealth } from "../health.ts";
import type { Follower } from "../snapshot/follower.ts";
import type { Freshness } from "../snapshot/freshness.ts";
import { longMetaOf } from "../snapshot/meta.ts";
import { viewStates } from "./view-states.ts";

export interface StatusSources {
  readonly follower: Follower;
  readonly freshness: Freshness;
  /** Null: views are not checked in the background. */
  readonly health: ViewHealth | null;
  readonly now: () => number;
}

/** What is served now, and how far the log is ahead of it. */
export function statusOf(
  { follower, freshness, health, now }: StatusSources,
  incidents: readonly Incident[],
  versions: readonly VersionManifest[] = [],
) {
  using served = follower.pin();
  const { manifest } = served;
  const end = freshness.end;
  return {
    ...longMetaOf(served, freshness, now()),
    cut: formatPosition(manifest.cut),
    createdAt: manifest.createdAt,
    cause: manifest.cause,
    proof: manifest.proof,
    complaint: follower.complaint || null,
    streams: manifest.definition.streams.map((stream) => {
      const own = places(served.position).filter((place) => place.stream === stream.name);
      const ahead = own.map(
        (place) => Math.max(0, (end && offsetAt(end, stream.name, place.partition)) ?? place.offset) - place.offset,
      );
      const between = (from: Position, upto: Position) =>
        own.reduce((sum, { partition }) => {
          const [start, stop] = [from, upto].map((position) => offsetAt(position, stream.name, partition) ?? 0);
          return sum + Math.max(0, stop! - start!);
        }, 0);
      return {
        name: stream.name,
        topic: stream.topic,
        partitions: own.length,
        position: formatPosition(positionOf(own)),
        logEnd: end ? formatPosition(positionOf(places(end).filter((place) => place.stream === stream.name))) : null,
        // approximate, since offsets have gaps
        records: { batch: between(manifest.origin, manifest.cut), speed: between(manifest.cut, served.position) },
        /** Why the stream is not read any more. */
        stopped:
          incidents.find(({ kind, subject }) => kind === "stream-stopped" && subject === stream.name)?.message ?? null,
        behind: end ? ahead.reduce((sum, each) => sum + Math.max(0, each), 0) : null,
      };
    }),
    incidents,
    versions: versions.map(({ number, createdAt, cause, events, cut, proof }) => {
      return { number, createdAt, cause, events, cut: formatPosition(cut), proof };
    }),
    views: viewStates(served, health, incidents).map(({ view, state, why }) => {
      const { definition, failed, damaged } = served.views.get(view)!;
      return { name: view, streams: definition.streams, state, why, failed, damaged };
    }),
  };
}
