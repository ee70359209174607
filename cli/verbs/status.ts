import type { ViewDefinition } from "../../shared/definition.ts";
import type { LogOrigin } from "../../shared/log/log.ts";
import { formatPosition, offsetAt, type Position, places, positionOf } from "../../shared/position.ts";
import { sumCounts } from "../../shared/store/counts.ts";
import { damagesOf } from "../../shared/store/damage.ts";
import { damagedFiles } from "../../shared/store/file-troubles.ts";
import { type Incident, type IncidentKind, incidentsIn } from "../../shared/store/incidents.ts";
import { logStream } from "../../shared/store/origin.ts";
import { failureOf } from "../../shared/store/partials.ts";
import { bestSnapshot, newestVersion, type Snapshot } from "../../shared/store/versions.ts";
import type { Context } from "../context.ts";
import { type OpenProject, withProject } from "../opened.ts";
import { statusOfServer } from "../remote.ts";
import { driftOf } from "../roles.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** Reports what the log and the store hold. Creates nothing. */
export async function run(context: Context, { server }: VerbArgs["status"]): Promise<number> {
  if (server !== null) return statusOfServer(context, server);
  return withProject(context, async (opened) => {
    const found = await collectStatus(opened);
    await context.out(context.json ? `${JSON.stringify(found)}\n` : describe(found));
    return 0;
  });
}

type Status = Awaited<ReturnType<typeof collectStatus>>;

async function collectStatus(opened: OpenProject) {
  const { project, store, log } = opened;
  const ends: Position[] = [];
  for (const stream of project.streams) {
    const at = await log.end(logStream(stream)).catch(missingAsEmpty);
    ends.push(positionOf(at.map((offset, partition) => ({ stream: stream.name, partition, offset }))));
  }
  const end = positionOf(ends.flatMap(places));
  const incidents = await incidentsIn(store);
  const newest = await newestVersion(store);
  const best = newest && (await bestSnapshot(store));
  const entries = best?.heads.flatMap((head) => head.entries) ?? [];
  const counts = sumCounts(best ? [best.manifest, ...entries] : []);
  const damages = newest ? await damagesOf(store, newest.number) : [];
  return {
    project: project.name,
    data: store.root,
    log: log.kind,
    streams: project.streams.map((stream) => ({
      stream: stream.name,
      partitions: Object.keys(end[stream.name] ?? {}).length,
      logEnd: formatPosition({ [stream.name]: end[stream.name] ?? {} }),
      batch: newest ? formatPosition(ofStream(newest.cut, stream.name)) : "",
      speed: best ? formatPosition(ofStream(best.position, stream.name)) : "",
      behind: best ? behind(end, best.position, stream.name) : null,
      stopped: incidents.find(({ kind, subject }) => kind === "stream-stopped" && subject === stream.name)?.code ?? "",
    })),
    version: newest && {
      number: newest.number,
      created: newest.createdAt,
      cause: newest.cause,
      cut: formatPosition(newest.cut),
      proof: newest.proof,
    },
    serving: best && {
      version: best.manifest.number,
      position: formatPosition(best.position),
      events: { batch: best.manifest.events, speed: entries.reduce((sum, entry) => sum + entry.events, 0) },
      deadLetters: counts.dead,
      duplicates: counts.duplicates,
      late: counts.late,
      entries: entries.length,
      views: best.manifest.definition.views.map((view) => ({
        view: view.name,
        streams: view.streams,
        ...stateOf(best, view, incidents),
      })),
    },
    damaged: [
      ...damages.map(({ view, why }) => `view ${view} of version ${newest!.number}: ${why}`),
      ...(await damagedFiles(store)),
    ],
    incidents,
    differs: newest ? await driftOf(opened, newest) : [],
  };
}

/** The state as a server's status has it; the view's incident says which groups fail and why. */
function stateOf(best: Snapshot, { name, streams }: ViewDefinition, incidents: readonly Incident[]) {
  const failed = failureOf(best, name);
  const ofKind = (kind: IncidentKind) => incidents.filter((each) => each.kind === kind);
  const isStopped = ofKind("stream-stopped").some(({ subject }) => streams.includes(subject));
  const isFailing =
    (best.manifest.views[name]?.failing?.groups.length ?? 0) > 0 ||
    ofKind("changelog-broken").some(({ views }) => views?.includes(name)) ||
    ofKind("view-failed").some(({ code, subject }) => code === "SERVE_VIEW_FAILED" && subject === name);
  return { failed, state: failed ? "failed" : isStopped ? "stopped" : isFailing ? "failing" : "ok" };
}

function missingAsEmpty(error: unknown): LogOrigin["first"][number][] {
  if (error instanceof Error && "code" in error && error.code === "LOG_STREAM_MISSING") return [];
  throw error;
}

function ofStream(position: Position, stream: string): Position {
  return positionOf(places(position).filter((place) => place.stream === stream));
}

/** Roughly how many records the speed layer is behind; offsets have gaps, so this is for people only. */
function behind(end: Position, position: Position, stream: string): number {
  return places(end)
    .filter((place) => place.stream === stream)
    .reduce((sum, place) => sum + Math.max(0, place.offset - (offsetAt(position, stream, place.partition) ?? 0)), 0);
}

function describe({ project, data, log, streams, version, serving, damaged, incidents, differs }: Status): string {
  const lines = [`project ${project}, ${log} log, data in ${data}`, "", tableText(streams).trimEnd(), ""];
  if (!version || !serving)
    return `${lines.join("\n")}\nno version yet: start tidemark dev, or tidemark batch --once\n`;
  lines.push(
    `version ${version.number} (${version.cause}) of ${version.created}, ${version.proof.state}: ${version.proof.by}`,
    `answers are exact at ${serving.position || "the origin"}: ${serving.events.batch} events from batch, ${serving.events.speed} from speed in ${serving.entries} entries, ${serving.deadLetters} dead letters, ${serving.duplicates} duplicates suppressed${serving.late > 0 ? `, ${serving.late} too late to know` : ""}`,
    "",
    tableText(
      serving.views.map(({ view, streams, state, failed }) => ({
        view,
        streams: streams.join(", "),
        state: failed ? `FAILED: ${failed.message}` : state,
      })),
    ).trimEnd(),
  );
  for (const each of damaged) lines.push("", `DAMAGED: ${each}`);
  for (const { role, since, message } of incidents) lines.push("", `INCIDENT of ${role} since ${since}: ${message}`);
  for (const each of differs) lines.push("", `the project's files differ from version ${version.number}: ${each}`);
  return `${lines.join("\n")}\n`;
}
