/** The log's total order of events: by log time (ms), then partition, then offset. */

/** The hidden column of an ordered view's input: an event's place in that order. */
export const eventColumn = "__event";

/** Its type, whose values compare in that order. */
export const eventType = "STRUCT(t BIGINT, p INTEGER, o BIGINT)";
