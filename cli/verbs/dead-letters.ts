import { type Correction, replayDeadLetters } from "../../ingest/dead-letters.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { type DeadLetters, LetterList, type ListedLetter } from "../../shared/history/letter-list.ts";
import type { Log } from "../../shared/log/log.ts";
import type { Project } from "../../shared/project/project.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import { countLetters } from "../../sources/letters.ts";
import type { Context } from "../context.ts";
import { linesOf } from "../input/ndjson.ts";
import { bytesOf, mustBeFile, nameOf } from "../input/source.ts";
import { withProject } from "../opened.ts";
import { nothing, withSession } from "../snapshot.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";
import { streamNamed } from "./load.ts";

/** Lists dead letters as lines that can be corrected, counts them by reason, or replays corrected ones. */
export async function run(context: Context, args: VerbArgs["dead-letters"]): Promise<number> {
  return withProject(context, async ({ project, store, log }) => {
    const manifest = await newestVersion(store);
    if (!manifest) throw nothing(store);
    if (args.stream !== null) streamNamed(project, args.stream);
    else if (args.replay.length === 0) await sayOfOutboxes(context, project, log);
    const streams = manifest.definition.streams.filter(({ name }) => args.stream === null || name === args.stream);
    return withSession(project, store, manifest.definition, (session) => {
      const letters = { store, log, session, manifest };
      return args.replay.length > 0
        ? replay(context, letters, streams, args.replay)
        : list(context, letters, streams, args);
    });
  });
}

/** They are of no stream, and can't be replayed. */
async function sayOfOutboxes(context: Context, { name: project, sources }: Project, log: Log): Promise<void> {
  for (const { name } of sources.filter(({ postgres }) => postgres.outbox)) {
    const letters = await countLetters(log, project, name);
    if (letters > 0) context.say(`${letters} more of the outbox of ${name}: tidemark sources letters ${name}`);
  }
}

async function list(
  context: Context,
  letters: DeadLetters,
  streams: readonly StreamDefinition[],
  { count, limit, values }: VerbArgs["dead-letters"],
): Promise<number> {
  await using found = await LetterList.open(letters, streams);
  if (count) {
    const reasons = await found.reasons();
    const text = reasons.length > 0 ? tableText(reasons.map((each) => ({ ...each }))) : "";
    await context.out(context.json ? `${JSON.stringify(reasons)}\n` : text);
  } else
    for await (const letter of found.letters(limit))
      await context.out(`${JSON.stringify(values ? letter : withoutValue(letter))}\n`);
  const all = await found.count();
  const shown = !count && limit !== null && limit < all.letters ? `, the first ${limit} of them listed` : "";
  context.say(`${all.letters} dead letters, ${all.replayed} of them replayed${shown}`);
  return 0;
}

function withoutValue({ value, ...letter }: ListedLetter): object {
  return { ...letter, bytes: value === null ? null : Buffer.byteLength(value) };
}

async function replay(
  context: Context,
  letters: DeadLetters,
  streams: readonly StreamDefinition[],
  files: readonly string[],
): Promise<number> {
  const corrections: Correction[] = [];
  for (const file of files) {
    const name = nameOf(file);
    if (file !== "-") await mustBeFile(file);
    for await (const lines of linesOf(bytesOf(file, null), name))
      for (const { place, value } of lines) corrections.push(correctionIn(value.toString(), `${name}:${place}`));
  }
  const result = await replayDeadLetters(letters, streams, corrections);
  if (context.json) await context.out(`${JSON.stringify(result)}\n`);
  context.say(`${result.replayed} dead letters replayed, ${result.already} had been replayed before`);
  return 0;
}

/** A line of the list with its value corrected: as a text, or as the event itself. */
function correctionIn(text: string, where: string): Correction {
  const wrong = (why: string) =>
    new TidemarkError(
      "LOAD_INPUT",
      `${where}: ${why}`,
      'write {"stream":…,"partition":…,"offset":…,"value":"<JSON text>"}',
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong("it is not JSON");
  }
  const { stream, partition, offset, value } = (parsed ?? {}) as Record<string, unknown>;
  if (typeof stream !== "string" || typeof partition !== "number" || typeof offset !== "number")
    throw wrong("it does not name a dead letter");
  if (typeof value === "string") return { stream, partition, offset, value };
  if (typeof value === "object" && value !== null) return { stream, partition, offset, value: JSON.stringify(value) };
  throw wrong(
    value === undefined ? "it has no value: list them with --values" : "its value is neither a text nor an object",
  );
}
