/**
 * The faults of records that were suppressed, which are no dead letters: an event with an id that counted
 * before, and a repeated request.
 */
import { quoteText } from "../duckdb/duck.ts";

export const faultOfDuplicate = "duplicate";
export const faultOfRepeated = "repeated";
/** As a SQL list. */
export const suppressedFaults = `${quoteText(faultOfDuplicate)}, ${quoteText(faultOfRepeated)}`;
