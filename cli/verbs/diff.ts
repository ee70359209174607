import { partialOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { failingLine, wellRows } from "../../shared/health/failing-groups.ts";
import { History } from "../../shared/history/history.ts";
import { formatPosition, ofStreams, rangesBetween } from "../../shared/position.ts";
import { makeDefinition } from "../../shared/project/definition.ts";
import { compareAnswers } from "../../shared/proof/answers.ts";
import type { Difference } from "../../shared/proof/compare.ts";
import type { FailingGroups } from "../../shared/store/layout.ts";
import { failureOf } from "../../shared/store/partials.ts";
import { checkedPartials } from "../../shared/store/snapshot-rows.ts";
import type { Context } from "../context.ts";
import { type OpenProject, withProject } from "../opened.ts";
import { withSession, withSnapshot } from "../snapshot.ts";
import { orStopped } from "../stop.ts";
import type { VerbArgs } from "../verb.ts";

/**
 * Computes the view as the project's files define it, from archive and log at the served position, and compares it with
 * what is served. Exit 0 when the answers are the same, 1 when they differ. Nothing is published.
 */
export async function run(context: Context, { view: name }: VerbArgs["diff"]): Promise<number> {
  return withProject(context, (opened) => orStopped(diff(context, opened, name), context.signal));
}

async function diff(context: Context, { project, store, log }: OpenProject, name: string): Promise<number> {
  const definition = await makeDefinition(project, store);
  const now = definition.views.find((each) => each.name === name);
  return withSnapshot(store, (snapshot) =>
    withSession(project, store, definition, async (session) => {
      const { manifest } = snapshot;
      const before = manifest.definition.views.find((each) => each.name === name);
      if (!now || !before) {
        if (!now && !before) {
          const known = definition.views.map((view) => view.name).join(", ") || "none";
          throw new TidemarkError(
            "VIEW_UNKNOWN",
            `there is no view "${name}" in the files or in version ${manifest.number}`,
            `the files have: ${known}`,
          );
        }
        await say(
          context,
          name,
          [now ? "it is new: nothing is served yet" : "it is gone from the files: it would no longer be served"],
          null,
        );
        return 1;
      }
      const failed = failureOf(snapshot, name);
      if (failed) {
        await say(context, name, [`what is served has FAILED: ${failed.message}`], null);
        return 1;
      }
      // a stream that the version does not know yet has no events below its position
      const streams = definition.streams.map((stream) => stream.name);
      const ranges = rangesBetween(ofStreams(manifest.origin, streams), ofStreams(snapshot.position, streams));
      const inputs = await new History(store, log, manifest.origin).inputs(session, definition, ranges)(now);
      const columns = commonColumns(now, before);
      const keys = columns.filter((column) => column.key !== null).map((column) => column.name);
      const [served, fresh] = [await checkedPartials(store, snapshot, before), partialOf(now, inputs)];
      const { rows, differences, failing } = await wellRows(session, before, served, (old, failedBefore) =>
        wellRows(session, now, fresh, async (own, failedNow) => {
          const compared = await compareAnswers(session, now, [old, own], columns, keys);
          const line = (what: string, found: FailingGroups) => {
            const says = failingLine(found);
            return says === null ? [] : [`${what} fails: ${says}`];
          };
          const failing = [...line("what is served", failedBefore), ...line("what the files have", failedNow)];
          return { ...compared, failing };
        }),
      );
      const shape = [...columnChanges(now, before), ...failing];
      context.say(
        `at ${formatPosition(snapshot.position) || "the origin"}, against version ${manifest.number} and its delta`,
      );
      await say(context, name, shape, { rows, differences });
      return shape.length > 0 || differences.length > 0 ? 1 : 0;
    }),
  );
}

/** The columns that both have, by name and type. */
function commonColumns(now: ViewDefinition, before: ViewDefinition): ViewDefinition["columns"] {
  return now.columns.filter((column) =>
    before.columns.some((old) => old.name === column.name && old.type === column.type),
  );
}

function columnChanges(now: ViewDefinition, before: ViewDefinition): string[] {
  const changes = now.columns.flatMap(({ name, type }) => {
    const old = before.columns.find((each) => each.name === name);
    if (!old) return [`column ${name} ${type} is new`];
    return old.type === type ? [] : [`column ${name} is ${type}, was ${old.type}`];
  });
  const gone = before.columns.filter(({ name }) => !now.columns.some((each) => each.name === name));
  return [...changes, ...gone.map(({ name }) => `column ${name} is gone`)];
}

const shownMax = 5;

async function say(
  context: Context,
  view: string,
  changes: readonly string[],
  compared: { readonly rows: number; readonly differences: readonly Difference[] } | null,
): Promise<void> {
  if (context.json) {
    await context.out(
      `${JSON.stringify({ view, changes, rows: compared?.rows ?? null, differences: compared?.differences ?? null })}\n`,
    );
    return;
  }
  const lines = changes.map((change) => `${view}: ${change}`);
  if (compared) {
    const { rows, differences } = compared;
    const [changed, gone, fresh] = [
      differences.filter(({ left, right }) => left && right).length,
      differences.filter(({ right }) => !right).length,
      differences.filter(({ left }) => !left).length,
    ];
    const answer =
      differences.length === 0
        ? `${rows} ${rows === 1 ? "row" : "rows"}, the same in the columns that both have`
        : `of ${rows} served rows ${changed} change and ${gone} go; ${fresh} are new`;
    lines.push(`${view}: ${answer}`);
    for (const { left, right } of differences.slice(0, shownMax)) {
      lines.push(`  now:  ${left ? JSON.stringify(left) : "no such row"}`);
      lines.push(`  then: ${right ? JSON.stringify(right) : "no such row"}`);
    }
    if (differences.length > shownMax) lines.push(`  and ${differences.length - shownMax} more`);
  }
  await context.out(`${lines.join("\n")}\n`);
}
