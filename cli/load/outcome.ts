import type { Context } from "../context.ts";
import type { VerbArgs } from "../verb.ts";

/** The result of a load. */
export interface Outcome {
  readonly events: number;
  /** Events that the log already held under the same request id. */
  readonly already?: number;
  /** Rows that are not valid events. */
  readonly rejected: number;
  /** "" when nothing was appended. */
  readonly position: string;
}

/** Reports a load in a line for people, and as JSON. @returns the exit code */
export async function reportOutcome(
  context: Context,
  { stream, check, acceptDead }: VerbArgs["load"],
  { events, already = 0, rejected, position }: Outcome,
): Promise<number> {
  const others = rejected === 0 ? "" : acceptDead ? `, and ${rejected} dead letters` : `, ${rejected} rejected`;
  const before = already === 0 ? "" : `, ${already} already there`;
  context.say(`${events} events ${check ? "would be " : ""}appended to ${stream}${before}${others}`);
  const dead = acceptDead ? rejected : 0;
  const facts = { stream, events, ...(already === 0 ? {} : { already }), rejected: rejected - dead, dead, position };
  await context.out(context.json ? `${JSON.stringify(facts)}\n` : position === "" ? "" : `${position}\n`);
  return rejected > 0 && !acceptDead ? 1 : 0;
}
