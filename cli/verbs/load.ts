import { randomUUID } from "node:crypto";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { Producer } from "../../shared/ingest/producer.ts";
import { formatPosition } from "../../shared/position.ts";
import type { Project } from "../../shared/project/project.ts";
import type { Context } from "../context.ts";
import { openInput } from "../input/input.ts";
import { withProject } from "../opened.ts";
import { openProgress } from "../progress.ts";
import { loadToServer } from "../remote.ts";
import type { VerbArgs } from "../verb.ts";

/** Appends the files' events, one file after the other, and prints the position after them once they are durable. */
export async function run(context: Context, args: VerbArgs["load"]): Promise<number> {
  const { stream: name, files, request, server } = args;
  if (server !== null) {
    const stream = streamNamed(await context.project(), name);
    return loadToServer(context, server, stream, request ?? randomUUID(), () => eventsIn(context, stream, files));
  }
  return withProject(context, async ({ project, log }) => {
    const stream = streamNamed(project, name);
    const { signal } = context;
    const producer = await Producer.open(log, stream, request === null ? { signal } : { request, signal });
    try {
      for (const file of files) await append(context, producer, stream, file);
      const position = formatPosition(await producer.flush());
      context.say(`${producer.durable} events appended to ${name}`);
      await context.out(
        context.json
          ? `${JSON.stringify({ stream: name, events: producer.durable, position })}\n`
          : position === ""
            ? ""
            : `${position}\n`,
      );
      return 0;
    } catch (error) {
      await producer.flush().catch(() => undefined);
      if (producer.durable > 0) context.say(`${producer.durable} events were appended before this:`);
      context.say(`the same load with --request-id ${producer.request} appends only what is missing`);
      throw error;
    }
  });
}

async function append(context: Context, producer: Producer, stream: StreamDefinition, file: string): Promise<void> {
  for await (const events of eventsIn(context, stream, [file])) for (const event of events) await producer.add(event);
}

/** The files' events, some at a time, with a bar that shows how far they have been taken. */
async function* eventsIn(
  context: Context,
  stream: StreamDefinition,
  files: readonly string[],
): AsyncGenerator<Buffer[]> {
  for (const file of files) {
    const input = await openInput(file, stream);
    const progress = openProgress(context.progress, file === "-" ? "standard input" : file, "events", input.count);
    try {
      for await (const events of input.events) {
        context.signal.throwIfAborted();
        yield events;
        progress.add(events.length);
      }
    } finally {
      progress.stop();
    }
  }
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
