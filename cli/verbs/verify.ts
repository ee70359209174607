import type { ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log/log.ts";
import { formatPosition } from "../../shared/position.ts";
import { type ViewVerdict, verify } from "../../shared/proof/verify.ts";
import { type FileVerdict, verifyFiles } from "../../shared/proof/verify-files.ts";
import { damagedFiles } from "../../shared/store/file-troubles.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Context } from "../context.ts";
import { withProject } from "../opened.ts";
import { firstVersion } from "../roles.ts";
import { withPins, withSession, withSnapshot } from "../snapshot.ts";
import { orStopped } from "../stop.ts";
import type { VerbArgs } from "../verb.ts";
import { differingLines, withoutValues } from "./differing.ts";

/** Exit 0 when every row of every view is equal; 1, with the first rows that differ, otherwise. */
export async function run(context: Context, args: VerbArgs["verify"]): Promise<number> {
  if (args.consumer !== null) return runConsumer(context, args.consumer, args);
  if (args.files) return withProject(context, ({ store, log }) => runFiles(context, store, log));
  return withProject(context, ({ project, store, log }) =>
    withSnapshot(store, async (snapshot) => {
      const { definition, number } = snapshot.manifest;
      const views = viewsNamed(definition.views, args.views);
      return withSession(project, store, definition, async (session) => {
        const position = formatPosition(snapshot.position);
        for (const line of await damagedFiles(store)) context.say(`DAMAGED: ${line}`);
        context.say(`verifying version ${number} and its delta at ${position || "the origin"}`);
        const verdicts: ViewVerdict[] = [];
        const all = verify({ store, log, session, snapshot }, views);
        for (;;) {
          const { value, done } = await orStopped(all.next(), context.signal);
          if (done) break;
          verdicts.push(value);
          if (!context.json) await context.out(verdictText(value, args.values));
        }
        const wrong = verdicts.filter((each) => each.failed || each.differences.length > 0);
        if (context.json)
          await context.out(
            `${JSON.stringify({ version: number, position, equal: wrong.length === 0, views: args.values ? verdicts : verdicts.map((each) => ({ ...each, differences: withoutValues(each.differences, sides) })) })}\n`,
          );
        const counted = `${verdicts.length} ${verdicts.length === 1 ? "view" : "views"}`;
        context.say(
          wrong.length === 0
            ? `${counted} verified: every row equals the views' own SQL over all events`
            : `${wrong.length} of ${verdicts.length} views do NOT match: ${wrong.map((each) => each.view).join(", ")}`,
        );
        return wrong.length === 0 ? 0 : 1;
      });
    }),
  );
}

/** Exit 0 when a consumer's store equals its view; 1, with the number of rows that differ, otherwise. */
async function runConsumer(
  context: Context,
  name: string,
  { values, repair }: Pick<VerbArgs["verify"], "values" | "repair">,
): Promise<number> {
  return withProject(context, async ({ project, store, log }) => {
    const consumer = project.consumers.find((each) => each.name === name);
    if (!consumer)
      throw new TidemarkError(
        "USAGE",
        `there is no consumer "${name}"`,
        `there are: ${project.consumers.map((each) => each.name).join(", ") || "none"}`,
      );
    const { verifyConsumer } = await import("../../deliveries/verify.ts");
    const { definition } = await firstVersion({ project, store, log });
    return withPins(store, (run) =>
      withSession(project, store, definition, async (session) => {
        const options = { store, log, session, project: project.name, run };
        const { keys, ...verdict } = await verifyConsumer(options, consumer, repair);
        const { rows, missing, extra, other, beyond, position } = verdict;
        const equal = missing + extra + other === 0;
        if (context.json) {
          await context.out(`${JSON.stringify({ consumer: name, equal, ...verdict, ...(values ? { keys } : {}) })}\n`);
          return equal ? 0 : 1;
        }
        const are = (count: number) => `${count} ${count === 1 ? "is" : "are"}`;
        const differences = [
          ...(missing > 0 ? [`${are(missing)} missing`] : []),
          ...(extra > 0 ? [`${are(extra)} there and not in ${consumer.from}`] : []),
          ...(other > 0 ? [`${are(other)} otherwise`] : []),
        ];
        const shown = values && keys.length > 0 ? `: ${keys.join(" ")}` : "";
        const but = beyond === null ? "" : ` (not compared: ${beyond})`;
        await context.out(`${name}: ${rows} rows at ${position}, ${differences.join(", ") || "equal"}${but}${shown}\n`);
        if (!equal && repair) context.say("it is filled again by the process that runs tidemark deliver");
        return equal ? 0 : 1;
      }),
    );
  });
}

/** Exit 0 when every file is intact; 1, listing the damaged ones, otherwise. */
async function runFiles(context: Context, store: Store, log: Log): Promise<number> {
  let [files, bytes] = [0, 0];
  const damaged: FileVerdict[] = [];
  const all = verifyFiles(store, log);
  for (;;) {
    const { value, done } = await orStopped(all.next(), context.signal);
    if (done) break;
    files++;
    bytes += value.bytes;
    if (value.damage === null) continue;
    damaged.push(value);
    if (!context.json) await context.out(`${value.file} (${value.what}): ${value.damage}; ${value.todo}\n`);
  }
  if (context.json) await context.out(`${JSON.stringify({ files, bytes, damaged })}\n`);
  context.say(
    damaged.length === 0
      ? `${files} files, ${bytes} bytes: all intact`
      : `${damaged.length} of ${files} files are DAMAGED; answers that need them are not served`,
  );
  return damaged.length === 0 ? 0 : 1;
}

const sides = ["served", "recomputed"] as const;
const ways: Readonly<Record<ViewVerdict["comparedAs"], string>> = {
  rows: "",
  partials: " (as partials: a rounding or HAVING of double sums lies in between)",
  estimates: " (sketches as partials, and within their error of exact values)",
};

/** @param values show the rows that differ, whose values come from events */
export function verdictText(
  { view, rows, differences, comparedAs, failed, plainRaises }: ViewVerdict,
  values = false,
): string {
  if (failed) {
    const partials =
      comparedAs === "rows" ? "" : `; ${differences.length === 0 ? "its partials are equal" : "its partials DIFFER"}`;
    return `${view}: FAILED, no answer to verify: ${failed.message}${partials}\n`;
  }
  const how = plainRaises === null ? ways[comparedAs] : ` (as partials: plain DuckDB has no answer: ${plainRaises})`;
  if (differences.length === 0) return `${view}: ${rows} ${rows === 1 ? "row" : "rows"}, equal${how}\n`;
  const heading = `${view}: ${differences.length} ${differences.length === 1 ? "row DIFFERS" : "rows DIFFER"}${how}`;
  return `${[heading, ...differingLines(differences, sides, values)].join("\n")}\n`;
}

export function viewsNamed(views: readonly ViewDefinition[], names: readonly string[]): readonly ViewDefinition[] {
  const unknown = names.find((name) => !views.some((view) => view.name === name));
  if (unknown !== undefined) {
    throw new TidemarkError(
      "VIEW_UNKNOWN",
      `there is no view "${unknown}" in this version`,
      `it has: ${views.map((view) => view.name).join(", ") || "none"}`,
    );
  }
  return names.length === 0 ? views : views.filter((view) => names.includes(view.name));
}
