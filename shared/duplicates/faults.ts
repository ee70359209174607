/**
 * The faults of records that were suppressed, which are no dead letters: an event with an id that counted
 * before, a repeated request, and a record of a changelog that does not go on after the last one.
 */
import { quoteText } from "../duckdb/duck.ts";

export const faultOfDuplicate = "duplicate";
export const faultOfRepeated = "repeated";
export const faultOfFenced = "fenced";
const all = [faultOfDuplicate, faultOfRepeated, faultOfFenced];
/** As a SQL list. */
export const suppressedFaults = all.map(quoteText).join(", ");

export function isSuppressed(fault: string | null): boolean {
  return fault !== null && all.includes(fault);
}
