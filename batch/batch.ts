/** What the batch layer is given, and what a run of it gives. */
import type { Definition } from "../shared/definition.ts";
import type { TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import type { Verdict } from "../shared/proof/derivations.ts";
import type { Incidents } from "../shared/store/incidents.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import type { Store } from "../shared/store/store.ts";

export interface Batch {
  readonly store: Store;
  readonly log: Log;
  readonly makeDefinition: () => Promise<Definition>;
  readonly memoryLimit: string;
  readonly keepVersions: number;
  /** How long the embedded log keeps what is archived, ms. */
  readonly retentionMs: number;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly onArchived?: (records: number) => void;
  /** Called after each archiving with the streams that can't be read on, and why; the others are. */
  readonly onStopped?: (stopped: ReadonlyMap<string, TidemarkError>) => void;
  /** Where views that are not well are reported. */
  readonly incidents: Incidents;
}

/** How long each step of a run took, ms. */
export type Timings = Record<"archive" | "recompute" | "prove" | "publish", number>;

export interface BatchResult {
  readonly manifest: VersionManifest;
  readonly timings: Timings;
  readonly archived: number;
  /** What comparing the views came to; `left` is served, `right` is of this run. */
  readonly views: readonly Verdict[];
}
