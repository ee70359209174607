import type { Context } from "../context.ts";
import type { VerbArgs } from "../verb.ts";

/** What a load came to. */
export interface Outcome {
  readonly events: number;
  /** Events that the log held under the same request id before. */
  readonly already?: number;
  /** Rows that are no events. */
  readonly rejected: number;
  /** "" where nothing was appended. */
  readonly position: string;
}

/** Tells it, the same in a line for people and as JSON. @returns the exit code */
export async function tell(
  context: Context,
  { stream, check, acceptDead }: VerbArgs["load"],
  { events, already = 0, rejected, position }: Outcome,
): Promise<number> {
  const others = rejected === 0 ? "" : acceptDead ? `, and ${rejected} dead letters` : `, ${rejected} rejected`;
  const before = already === 0 ? "" : `, ${already} were there already`;
  context.say(`${events} events ${check ? "would be " : ""}appended to ${stream}${before}${others}`);
  const dead = acceptDead ? rejected : 0;
  const told = { stream, events, ...(already === 0 ? {} : { already }), rejected: rejected - dead, dead, position };
  await context.out(context.json ? `${JSON.stringify(told)}\n` : position === "" ? "" : `${position}\n`);
  return rejected > 0 && !acceptDead ? 1 : 0;
}
