import type { ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { makeDefinition } from "../../shared/project/definition.ts";
import type { Context } from "../context.ts";
import type { VerbArgs } from "../verb.ts";

/** What the compiler made of a view, from the project's files. */
export async function run(context: Context, { view: name }: VerbArgs["explain"]): Promise<number> {
  const project = await context.project();
  const known = project.views.map((each) => each.name);
  if (!known.includes(name)) {
    throw new TidemarkError(
      "VIEW_UNKNOWN",
      `project "${project.name}" has no view "${name}"`,
      known.length > 0 ? `it has: ${known.join(", ")}` : "write one: views/NAME.sql",
    );
  }
  const only = { ...project, views: project.views.filter((each) => each.name === name) };
  const { views } = await makeDefinition(only, null);
  const view = views[0]!;
  await context.out(context.json ? `${JSON.stringify(view)}\n` : describe(view));
  return 0;
}

const classes = {
  group: "group: merges, and can be subtracted again",
  semigroup: "semigroup: only merges",
  values: "values: a row for each value with its count, exact",
  sketch: "sketch: bounded, within an error",
};

function describe(view: ViewDefinition): string {
  const shown = new Map<string, string>(
    view.columns.flatMap((column) => (column.key ? [[column.key, column.name] as const] : [])),
  );
  const keys = view.keys.map(
    (key) => `  ${key.name} ${key.type}${shown.has(key.name) ? `, shown as ${shown.get(key.name)}` : ", not shown"}`,
  );
  const aggregates = view.aggregates.map(
    (use) =>
      `  ${use.sql}\n    ${classes[use.class]}${use.error ? ` (${use.error})` : ""}; kept as ${use.parts.join(", ")}`,
  );
  return [
    `view ${view.name} over ${view.streams.join(", ")} (${view.file})`,
    ...(view.description ? [view.description] : []),
    "",
    "group keys",
    ...(keys.length > 0 ? keys : ["  none: one row, also when there are no events"]),
    "aggregates",
    ...(aggregates.length > 0 ? aggregates : ["  none"]),
    `coordination: ${view.coordination.free ? "free of it" : "needs the log's order"}; ${view.coordination.monotone ? "monotone" : "not monotone"}`,
    ...view.coordination.why.map((reason) => `  ${reason}`),
    "",
    "-- partial: events to partials, in both layers",
    view.partial,
    "-- combine: partials to partials",
    view.combine,
    "-- finalize: merged partials to the view's rows",
    view.finalize,
    "",
  ].join("\n");
}
