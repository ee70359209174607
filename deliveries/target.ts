/** What a consumer needs of the store that it keeps equal to a view. */

import type { KeyedRow } from "../serving/question/keyed-rows.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";

/** What a target says of itself. */
export interface Stated {
  /** It holds the view's rows at this position; null: it has to be filled. */
  readonly position: string | null;
  /** What its rows were derived from; null: not known. */
  readonly identity: string | null;
}

/** What a target has to be at a position. */
export interface Filling {
  readonly view: ViewDefinition;
  /** All rows of the view, each key once. */
  readonly rows: AsyncIterable<readonly KeyedRow[]>;
}

/** How a target differs from a view's rows at the position that it states. */
export interface TargetVerdict {
  /** Rows of the view. */
  readonly rows: number;
  readonly missing: number;
  readonly extra: number;
  readonly other: number;
  /** The first few that differ, as JSON. */
  readonly keys: readonly string[];
  /** What could not be compared, and why; null: nothing. */
  readonly beyond: string | null;
}

/**
 * A store of another's that holds a view's rows, and with them, changed in the same step, the position that they are
 * of. One process writes it at a time: the one that took it last. What another one still does fails, and changes
 * nothing.
 */
export interface Target {
  /**
   * Takes the target from whichever process has it. To be called first, and again after any error.
   * @throws CONSUMER_TARGET where the place is another's; DATABASE_*, CACHE_*
   */
  take(view: ViewDefinition): Promise<Stated>;
  /**
   * Changes rows, and states the position.
   * @param removed keys of rows that are gone
   * @throws CONSUMER_FENCED, CONSUMER_VALUE; DATABASE_*, CACHE_*: whether it was done is not known
   */
  apply(rows: readonly KeyedRow[], removed: readonly string[], position: string): Promise<void>;
  /** Makes it equal to all of a view's rows; what is equal already is not written. @throws as apply */
  fill(filling: Filling, stated: { readonly position: string; readonly identity: string }): Promise<void>;
  /**
   * Says that this process is there.
   * @param position no row has changed up to it
   * @throws CONSUMER_FENCED
   */
  beat(position: string): Promise<void>;
  /** True where no process has it, or the one that has it was not there for long. */
  isFree(): Promise<boolean>;
  /** Has it filled again by whichever process has it. */
  forget(): Promise<void>;
  /** What it states, without taking it. */
  stated(): Promise<Stated>;
  /**
   * Compares it with a view's rows at the position that it states, while it goes on.
   * @throws CONSUMER_UNFILLED where it states none
   */
  compare(filled: (position: string) => Promise<Filling>): Promise<TargetVerdict>;
  /** Gives it up, so that another process may take it at once. */
  release(): Promise<void>;
  close(): Promise<void>;
}

/** How long the process that has a target may say nothing until another one takes it. */
export const silentMsMax = 30_000;
/** How often it says that it is there. */
export const beatMs = 5_000;

export function unfilled(name: string): TidemarkError {
  return new TidemarkError(
    "CONSUMER_UNFILLED",
    `consumer ${name}: its target has not been filled`,
    "run tidemark deliver, and see tidemark status",
  );
}
