/** One row of an input, as an event's JSON. */
export interface Row {
  /** From 1: the line it begins in, or its number where there are no lines. */
  readonly place: number;
  readonly value: Buffer;
  /** Why it can't be an event, where reading it has told already; `value` then is what it holds, as one JSON text, which no stream takes for an event. */
  readonly reason?: string;
}

/** Rows of one input, some at a time. */
export interface Input {
  /** What `place` counts. */
  readonly unit: "line" | "row";
  /** Null where only reading to the end would tell. */
  readonly count: number | null;
  /** @throws LOAD_INPUT where it can't be read on */
  readonly rows: AsyncGenerator<Row[]>;
}

/** A row that is no event whatever its stream. */
export function refusedRow(place: number, holds: string, reason: string): Row {
  return { place, value: Buffer.from(JSON.stringify(holds)), reason };
}

/** A longer row is no event but a file of another kind. */
export const rowBytesMax = 64 << 20;
