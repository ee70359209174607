/** One row of an input, as an event's JSON. */
export interface Row {
  /** The line in which it begins, or its number in files without lines; from 1. */
  readonly place: number;
  readonly value: Buffer;
  /**
   * Why it is not a valid event, if that is known already; `value` then is its content as a JSON string, which
   * no stream accepts.
   */
  readonly reason?: string;
}

/** Rows of one input, in groups. */
export interface Input {
  /** The unit of `place`. */
  readonly unit: "line" | "row";
  /** The number of rows; null when it is not known before the end. */
  readonly count: number | null;
  /** @throws LOAD_INPUT when the input can't be read any further */
  readonly rows: AsyncGenerator<Row[]>;
}

/** A row that is not a valid event of any stream. */
export function refusedRow(place: number, holds: string, reason: string): Row {
  return { place, value: Buffer.from(JSON.stringify(holds)), reason };
}

/** A longer row means that the file has another format. */
export const rowBytesMax = 64 << 20;
