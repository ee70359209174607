/** What a record says of where it comes from, as short as may be: it is in every record. */
export interface RecordSource {
  /** Where in its source it was: a place that only that kind of source reads. */
  readonly place: string;
  /** Where it comes in the history of its key; null: the source has nothing for it. */
  readonly order: string | null;
  /** The row goes on under another key. */
  readonly moved: boolean;
}

export function sourceText({ place, order, moved }: RecordSource): string {
  if (moved) return `${place}|${order ?? ""}|m`;
  return order === null ? place : `${place}|${order}`;
}

/** The place alone. */
export function placeIn(text: string): string {
  const end = text.indexOf("|");
  return end < 0 ? text : text.slice(0, end);
}

export function readSource(text: string): RecordSource {
  const [place = "", order = "", mark] = text.split("|");
  return { place, order: order === "" ? null : order, moved: mark === "m" };
}
