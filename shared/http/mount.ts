/**
 * How a room adds its routes to another's server: neither imports the other, and what starts the
 * server brings both together.
 */
import type { StreamDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import type { PositionTexts } from "../store/position-texts.ts";
import type { Asker } from "../waiting.ts";
import type { Routes } from "./route.ts";

/** What a server lends to what it mounts. */
export interface Host {
  /** Of the version that was served when the server started. */
  readonly project: string;
  /** Those of the version that is served now. */
  readonly streams: () => readonly StreamDefinition[];
  readonly positions: PositionTexts;
  /** Lends a session of DuckDB for as long as the work takes. @throws SERVE_BUSY; why the asker is gone */
  readonly lend: <T>(asker: Asker, work: (session: Session) => Promise<T>) => Promise<T>;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

export interface MountedRoutes {
  readonly routes: Routes;
  /** Called once no request is answered any more. */
  readonly close: () => Promise<void>;
}

export type Mount = (host: Host) => MountedRoutes;
