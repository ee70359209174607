import type { StreamDefinition, ViewSource } from "../definition.ts";
import type { ConsumerSection } from "./consumers.ts";
import type { LogSection } from "./log-config.ts";
import type { ReferenceSource } from "./references.ts";
import type { SourceSection } from "./sources.ts";

/** A project folder, read and checked: config and views, with flags and environment already applied. */
export interface Project {
  /** Absolute path of the project folder. */
  readonly dir: string;
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  readonly name: string;
  readonly streams: readonly StreamDefinition[];
  readonly sources: readonly SourceSection[];
  readonly consumers: readonly ConsumerSection[];
  readonly references: readonly ReferenceSource[];
  readonly views: readonly ViewSource[];
  readonly log: LogSection;
  readonly batch: {
    /** Cron expression of the full recompute. */
    readonly schedule: string;
    /** Cron expression of archiving. */
    readonly archive: string;
    readonly timezone: string;
    readonly keepVersions: number;
    /** DuckDB memory limit of the recompute, e.g. "4GB"; beyond it DuckDB spills to disk. */
    readonly memoryLimit: string;
  };
  readonly speed: { readonly flushMsMax: number; readonly shards: number };
  readonly serve: {
    readonly host: string;
    readonly port: number;
    /** Other machines may reach it, without a key. */
    readonly withoutKeys: boolean;
    /** Of one client; null: any number. */
    readonly requestsPerSecond: number | null;
    /** Origins whose pages may ask. */
    readonly cors: readonly string[];
  };
}
