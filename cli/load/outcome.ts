import type { Context } from "../context.ts";
import type { VerbArgs } from "../verb.ts";

/** What a load came to. */
export interface Outcome {
  readonly events: number;
  /** Rows that are no events. */
  readonly rejected: number;
  /** "" where nothing was appended. */
  readonly position: string;
}

/** Tells it, the same in a line for people and as JSON. @returns the exit code */
export async function tell(
  context: Context,
  { stream, check, acceptDead }: VerbArgs["load"],
  { events, rejected, position }: Outcome,
): Promise<number> {
  const others = rejected === 0 ? "" : acceptDead ? `, and ${rejected} dead letters` : `, ${rejected} rejected`;
  context.say(`${events} events ${check ? "would be " : ""}appended to ${stream}${others}`);
  const dead = acceptDead ? rejected : 0;
  const told = { stream, events, rejected: rejected - dead, dead, position };
  await context.out(context.json ? `${JSON.stringify(told)}\n` : position === "" ? "" : `${position}\n`);
  return rejected > 0 && !acceptDead ? 1 : 0;
}
