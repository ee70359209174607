import { isChangelog } from "../../ingest/sent-changes.ts";
import type { ChangelogStream } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Project } from "../../shared/project/project.ts";
import type { SourceSection } from "../../shared/project/sources.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { Control, type Verified } from "../../sources/control.ts";
import { type KeptLetter, keptLetters } from "../../sources/letters.ts";
import { inspectSource, type SourceStatus, sourceStatus, verifySource } from "../../sources/operations.ts";
import { type LocatedVerdict, verdictDifferences, verdictText } from "../../sources/verify-table.ts";
import type { Context } from "../context.ts";
import { type OpenProject, withProject } from "../opened.ts";
import { firstVersion, startSources } from "../roles.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** Writes changelogs, until it is stopped; or says something of their sources. */
export async function run(context: Context, args: VerbArgs["sources"]): Promise<number> {
  switch (args.does) {
    case "run":
      return withProject(context, async (opened) => {
        const manifest = await firstVersion(opened);
        context.log.info(`sources: writing the changelogs of version ${manifest.number}`);
        await startSources(context, opened, context.signal);
        return 0;
      });
    case "inspect":
      await context.out(await inspectSource(sourceNamed(await context.project(true), args.source)));
      return 0;
    case "status":
      return withProject(context, (opened) => showStatus(context, opened));
    case "verify":
      return withProject(context, (opened) => verify(context, opened, args));
    case "resnapshot":
      return withProject(context, async ({ project, log }) => {
        const { source } = followed(project, args.stream);
        await (await Control.open(log, project.name, source.name)).ask(args.stream);
        context.say(`${args.stream} is read again by the process that runs tidemark sources`);
        return 0;
      });
    case "letters":
      return withProject(context, (opened) => listLetters(context, opened, args));
  }
}

function sourceNamed(project: Project, name: string): SourceSection {
  const source = project.sources.find((each) => each.name === name);
  if (source) return source;
  const known = project.sources.map((each) => each.name).join(", ");
  throw new TidemarkError(
    "USAGE",
    `there is no source "${name}"`,
    known === "" ? "name one in sources: {…}" : `there is ${known}`,
  );
}

function followed(
  project: Project,
  name: string,
): { readonly stream: ChangelogStream; readonly source: SourceSection } {
  const stream = project.streams.filter(isChangelog).find((each) => each.name === name);
  const from = stream?.changelog.from;
  if (stream && from && "source" in from) return { stream, source: sourceNamed(project, from.source) };
  throw new TidemarkError("USAGE", `"${name}" is no changelog of a database's table`, "see from: in the configuration");
}

async function showStatus(context: Context, { project, store, log }: OpenProject): Promise<number> {
  const troubles = (await incidentsIn(store)).filter(({ kind }) => kind.startsWith("source-"));
  const found: SourceStatus[] = [];
  for (const source of project.sources) {
    const streams = project.streams.filter(isChangelog).filter(({ changelog: { from } }) => isOf(from, source));
    const own = troubles.filter(
      ({ subject }) => subject === source.name || streams.some(({ name }) => name === subject),
    );
    found.push(
      await sourceStatus(
        log,
        project.name,
        source,
        own.map(({ message }) => message),
      ),
    );
  }
  if (context.json) {
    await context.out(`${JSON.stringify(found)}\n`);
    return 0;
  }
  const rows = found.map((each) => ({
    source: each.source,
    "in the log to": each.reached ?? "",
    "server at": each.serverEnd ?? "",
    "WAL kept": each.keptBytes === null ? "" : `${(each.keptBytes / 2 ** 20).toFixed(1)} MB`,
    "to be read again": each.pending.join(", "),
    verified: verifiedText(each.verified),
    "dead letters": each.letters === null ? "" : String(each.letters),
    wrong: [...each.troubles, ...(each.unreachable === null ? [] : [each.unreachable])].join("; "),
  }));
  await context.out(tableText(rows));
  return 0;
}

function verifiedText(verified: Verified | null): string {
  if (verified === null) return "";
  const differed = Object.entries(verified.differed).map(([stream, what]) => `; ${stream}: ${what}`);
  return `${new Date(verified.at).toISOString()}${differed.join("")}`;
}

function isOf(from: ChangelogStream["changelog"]["from"], source: SourceSection): boolean {
  return from !== undefined && "source" in from && from.source === source.name;
}

async function listLetters(
  context: Context,
  { project, log }: OpenProject,
  { source, values }: Extract<VerbArgs["sources"], { does: "letters" }>,
): Promise<number> {
  const chosen = source === null ? project.sources : [sourceNamed(project, source)];
  let count = 0;
  for (const { name } of chosen.filter(({ postgres }) => postgres.outbox))
    for await (const letter of keptLetters(log, project.name, name)) {
      count++;
      await context.out(`${context.json ? JSON.stringify(shownLetter(letter, values)) : letterLine(letter, values)}\n`);
    }
  context.say(`${count} dead letters of outboxes`);
  return 0;
}

function shownLetter({ row, ...letter }: KeptLetter, values: boolean): object {
  return values ? { ...letter, row } : { ...letter, bytes: Buffer.byteLength(row) };
}

function letterLine({ source, at, lsn, n, reason, row }: KeptLetter, values: boolean): string {
  return `${at} ${source} ${lsn} (${n}): ${reason}${values ? `: ${row}` : ""}`;
}

async function verify(
  context: Context,
  { project, store, log }: OpenProject,
  { streams, values, repair }: Extract<VerbArgs["sources"], { does: "verify" }>,
): Promise<number> {
  const named = streams.map((name) => followed(project, name).stream);
  const all = project.streams.filter(isChangelog).filter(({ changelog: { from } }) => from && "source" in from);
  const chosen = named.length > 0 ? named : all;
  if (chosen.length === 0) throw new TidemarkError("USAGE", "no changelog follows a database's table", "");
  const duck = await Duck.open({ timezone: project.batch.timezone });
  let differs = false;
  try {
    const session = await duck.session();
    for (const source of project.sources) {
      const own = chosen.filter(({ changelog: { from } }) => isOf(from, source));
      if (own.length === 0) continue;
      const options = { store, log, session, now: Date.now, project: project.name, signal: context.signal };
      for await (const verdict of verifySource(options, source, own)) {
        await say(context, verdict, values);
        if (verdictDifferences(verdict) === null) continue;
        differs = true;
        if (repair) await (await Control.open(log, project.name, source.name)).ask(verdict.stream);
      }
    }
  } finally {
    duck.close();
  }
  if (differs && repair) context.say("what differs is read again by the process that runs tidemark sources");
  return differs ? 1 : 0;
}

async function say(context: Context, { keys, ...verdict }: LocatedVerdict, values: boolean): Promise<void> {
  if (context.json) return context.out(`${JSON.stringify(values ? { ...verdict, keys } : verdict)}\n`);
  const shown = values && keys.length > 0 ? `: ${keys.join(" ")}` : "";
  await context.out(`${verdictText({ keys, ...verdict })}${shown}\n`);
}
