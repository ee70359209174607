import { Producer } from "../../ingest/producer.ts";
import { rowStream } from "../../ingest/sent-changes.ts";
import { type StreamDefinition, sourceOf } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log/log.ts";
import type { Project } from "../../shared/project/project.ts";
import { inputOf } from "../../shared/reserved.ts";
import { originOf } from "../../shared/store/origin.ts";
import { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Context } from "../context.ts";
import { Judges, rowsIn } from "../load/judged.ts";
import { type Outcome, reportOutcome } from "../load/outcome.ts";
import { Rejects } from "../load/rejects.ts";
import { resumeLoad } from "../load/resumed.ts";
import { loadToServer } from "../load/to-server.ts";
import { withProject } from "../opened.ts";
import type { VerbArgs } from "../verb.ts";

/**
 * Appends the files' events, one file after the other, and prints the position after them once they are durable.
 * Invalid rows are reported and skipped: exit code 1.
 */
export async function run(context: Context, args: VerbArgs["load"]): Promise<number> {
  if (args.server !== null) {
    const stream = streamToLoad(await context.project(), args.stream);
    return withRejects(context, args, (rejects) => loadToServer(context, args, stream, rejects));
  }
  return withProject(context, async ({ project, store, log }) => {
    const stream = streamToLoad(project, args.stream);
    const judges = await Judges.open(project, store, stream);
    const texts = new PositionTexts(store, Date.now, (line) => context.say(line));
    try {
      return await withRejects(context, args, (rejects) =>
        loadToLog(context, args, { project, stream, store, log, texts, judges, rejects }),
      );
    } finally {
      judges.close();
    }
  });
}

async function withRejects(
  context: Context,
  args: VerbArgs["load"],
  work: (rejects: Rejects) => Promise<Outcome>,
): Promise<number> {
  const rejects = await Rejects.open(args.rejects, args.files, args.values, context.say);
  let outcome: Outcome;
  try {
    outcome = await work(rejects);
  } finally {
    await rejects.close();
  }
  return reportOutcome(context, args, outcome);
}

interface Loading {
  readonly project: Project;
  readonly stream: StreamDefinition;
  readonly store: Store;
  readonly log: Log;
  readonly texts: PositionTexts;
  readonly judges: Judges;
  readonly rejects: Rejects;
}

async function loadToLog(
  context: Context,
  args: VerbArgs["load"],
  { project, stream, store, log, texts, judges, rejects }: Loading,
): Promise<Outcome> {
  const { request, check, acceptDead, files, input } = args;
  const rows = judges.judge(rowsIn(context, rowStream(stream), files, input));
  let events = 0;
  if (check) {
    for await (const group of rows)
      for (const each of group) {
        if (each.reason === null) events++;
        else await rejects.add({ ...each, reason: each.reason });
      }
    return { events, rejected: rejects.count, position: "" };
  }
  const { signal } = context;
  const origin = await originOf(store, log, stream);
  const target = stream.changelog ? inputOf(project.name, stream, origin.partitions) : stream;
  const again =
    request === null
      ? { partitions: origin.partitions }
      : await resumeLoad(context, args, request, { project, store, log, stream: target }, origin.partitions);
  const producer = await Producer.open(log, target, { signal, ...again });
  try {
    for await (const group of rows)
      for (const each of group) {
        if (each.reason !== null) await rejects.add({ ...each, reason: each.reason });
        else events++;
        if (each.reason === null || acceptDead) await producer.add(each.row.value);
        else producer.skip(each.row.value);
      }
    const position = await texts.textOf(await producer.flush());
    const already = Math.min(events, producer.already);
    return { events: events - already, already, rejected: rejects.count, position };
  } catch (error) {
    await producer.flush().catch(() => undefined);
    if (producer.durable > 0) context.say(`${producer.durable} events were appended before this:`);
    context.say(`to append only what is missing, repeat the load with --request-id ${producer.request}`);
    throw error;
  }
}

function streamToLoad(project: Project, name: string): StreamDefinition {
  const stream = streamNamed(project, name);
  const from = stream.changelog?.from;
  if (!from) return stream;
  throw new TidemarkError("USAGE", `the rows of "${name}" come from ${sourceOf(from)}`, "change them there");
}

export function streamNamed(project: Project, name: string): StreamDefinition {
  const stream = project.streams.find((each) => each.name === name);
  if (stream) return stream;
  throw new TidemarkError(
    "USAGE",
    `project "${project.name}" has no stream "${name}"`,
    `it has: ${project.streams.map((each) => each.name).join(", ")}`,
  );
}
