/** A failing case made as small as it still fails. */
import type { Records } from "./events.ts";
import { type Step, simplerHistories, without } from "./history.ts";
import type { Case, Lane, Outcome } from "./lane.ts";
import { simplerViews, type View, write } from "./view.ts";

/** A case whose view can still be taken apart. */
export interface Drawing {
  readonly view: View;
  readonly records: Records;
  readonly changelog?: true;
  readonly steps: readonly Step[];
}

export function caseOf({ view, ...rest }: Drawing): Case {
  return { ...write(view), ...rest };
}

/** The number of tries that a smaller case is worth. */
const triesMax = 600;

/** What may be left out, the cheapest to run without first. */
const passes: readonly ((of: Drawing) => Iterable<Drawing>)[] = [fewerSteps, fewerRecords, lessOfTheView, fewerFields];

export async function shrink(lane: Lane, drawing: Drawing): Promise<{ found: Case; why: string }> {
  let best = drawing;
  let why = whyOf(await lane.run(caseOf(best)));
  const differs = why.startsWith("at ");
  let tries = 0;
  const improve = async (pass: (typeof passes)[number]): Promise<boolean> => {
    for (const each of pass(best)) {
      if (++tries > triesMax) return false;
      const outcome = await lane.run(caseOf(each));
      // another failure is another case
      if (outcome.kind !== "broken" || outcome.why.startsWith("at ") !== differs) continue;
      best = each;
      why = outcome.why;
      return true;
    }
    return false;
  };
  for (let smaller = true; smaller; ) {
    smaller = false;
    for (const pass of passes) while (await improve(pass)) smaller = true;
  }
  return { found: caseOf(best), why };
}

function whyOf(outcome: Outcome): string {
  return "why" in outcome ? outcome.why : "it does not fail when run again";
}

function* fewerSteps(of: Drawing): Generator<Drawing> {
  for (const steps of simplerHistories(of.steps)) yield { ...of, steps };
}

function* lessOfTheView(of: Drawing): Generator<Drawing> {
  for (const view of simplerViews(of.view)) yield { ...of, view };
}

/** Half of a partition at once, then quarters, and so on. */
function* fewerRecords(of: Drawing): Generator<Drawing> {
  const last = of.records.length - 1;
  if (last > 0 && of.records[last]!.length === 0) {
    const steps = of.steps.map((step) => {
      if (step.do === "fold") return { ...step, upto: step.upto.slice(0, last) };
      return step.do === "version" ? { ...step, cut: step.cut.slice(0, last) } : step;
    });
    yield { ...of, records: of.records.slice(0, last), steps };
  }
  for (const [partition, list] of of.records.entries()) {
    for (let size = list.length; size > 0; size = Math.floor(size / 2)) {
      for (let at = 0; at < list.length; at += size) {
        const records = of.records.with(partition, list.toSpliced(at, size));
        yield { ...of, records, steps: without(of.steps, partition, at, Math.min(size, list.length - at)) };
      }
    }
  }
}

/** One field left out of all events. */
function* fewerFields(of: Drawing): Generator<Drawing> {
  const names = new Set(of.records.flat().flatMap((record) => membersOf(record).map(nameOf)));
  for (const name of names) {
    const records = of.records.map((list) => list.map((record) => withoutField(record, name)));
    yield { ...of, records };
  }
}

function withoutField(record: string | null, name: string): string | null {
  const members = membersOf(record);
  return members.length === 0 ? record : `{${members.filter((member) => nameOf(member) !== name).join(",")}}`;
}

const nameOf = (member: string) => /^"((?:[^"\\]|\\.)*)"/.exec(member)?.[1] ?? "";

/** The members of an event's object as they are written: parsing would round large numbers. */
function membersOf(record: string | null): string[] {
  if (!record?.startsWith('{"') || !record.endsWith("}")) return [];
  const members: string[] = [];
  let depth = 0;
  let start = 1;
  for (const { 0: token, index } of record.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (token === "[" || token === "{") depth++;
    if (token === "]" || token === "}") depth--;
    if ((token === "," && depth === 1) || depth === 0) {
      members.push(record.slice(start, index));
      start = index + 1;
    }
  }
  return members;
}
