/** The metadata of every answer. */
export interface Meta {
  /** The view whose rows were asked for. */
  readonly view?: string;
  /** The events below it are in the answer, and no others. */
  readonly position: string;
  readonly version: number;
  /**
   * Batch has proved the answer up to here: speed's delta equaled what the archive gives. Null: the
   * served version is unproved.
   */
  readonly verifiedUpTo: string | null;
  /** Age of the newest poll of the log's end that the answer covers, ms; null: not known. */
  readonly lagMs: number | null;
  /** Events below the position, by the layer they come from. */
  readonly events: { readonly batch: number; readonly speed: number };
  /** Dead letters below the position. */
  readonly dead: number;
  /**
   * Records below the position that were suppressed, and events that came too late to know whether
   * they should have been.
   */
  readonly duplicates: number;
  readonly late: number;
}
