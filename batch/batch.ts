/** What the batch layer needs, and the result of one of its runs. */
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
  /** Called after each archive step with the streams that could not be archived to the end, and why. */
  readonly onStopped?: (stopped: ReadonlyMap<string, TidemarkError>) => void;
  /** Where failing and unproved views are reported. */
  readonly incidents: Incidents;
}

/** How long each step of a run took, ms. */
export type Timings = Record<"archive" | "recompute" | "prove" | "publish", number>;

export interface BatchResult {
  readonly manifest: VersionManifest;
  readonly timings: Timings;
  readonly archived: number;
  /** How the views compare; `left` is what is served, `right` is this run's result. */
  readonly views: readonly Verdict[];
}
