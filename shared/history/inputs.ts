/** From a view's streams to what its texts read. */
import { eventColumn } from "../compiler/event-order.ts";
import type { Inputs } from "../compiler/texts.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../definition.ts";
import { noEvents } from "./segments.ts";

/**
 * @param eventsOf a SELECT of a stream's events; `ordered` where a view of the definition needs their places, for all views alike
 */
export async function inputsOf(
  definition: Definition,
  view: ViewDefinition,
  eventsOf: (stream: StreamDefinition, ordered: boolean) => string | Promise<string>,
): Promise<Inputs> {
  const inputs = new Map<string, string>();
  for (const name of view.streams) {
    const stream = definition.streams.find((each) => each.name === name)!;
    const ordered = definition.views.some((each) => each.ordered && each.streams.includes(name));
    const events = await eventsOf(stream, ordered);
    inputs.set(name, ordered && !view.ordered ? `SELECT * EXCLUDE (${eventColumn}) FROM (${events})` : events);
  }
  return inputs;
}

/** No events at all, of any stream of the view. */
export function noInputs(definition: Definition, view: ViewDefinition): Promise<Inputs> {
  return inputsOf(definition, view, noEvents);
}
