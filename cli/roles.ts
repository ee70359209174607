/** The daemons over an opened project, as `speed`, `serve` and `dev` run them. */
import { join } from "node:path";
import { keyFile } from "../serving/http/access/key-file.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import { makeDefinition } from "../shared/project/definition.ts";
import { differencesOf } from "../shared/project/differences.ts";
import { Incidents } from "../shared/store/incidents.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { ensureVersion } from "../shared/store/origin.ts";
import { runSources } from "../sources/daemon.ts";
import { runSpeed } from "../speed/daemon.ts";
import type { Context } from "./context.ts";
import type { OpenProject } from "./opened.ts";

/** DuckDB's share of a daemon's memory; the rest is for records in flight. */
const daemonMemory = "1GB";

/** The newest version; if there is none, version 0 is created from the project's files. */
export function firstVersion({ project, store, log }: OpenProject): Promise<VersionManifest> {
  return ensureVersion(store, log, () => makeDefinition(project, store));
}

/** How the project's files differ from a version, in words. Files that don't compile count as a difference. */
export async function driftOf({ project, store }: OpenProject, manifest: VersionManifest): Promise<string[]> {
  try {
    return differencesOf(await makeDefinition(project, store), manifest.definition);
  } catch (error) {
    return [error instanceof TidemarkError ? error.line : messageOf(error)];
  }
}

export async function warnOfDrift(context: Context, opened: OpenProject, manifest: VersionManifest): Promise<void> {
  const drift = await driftOf(opened, manifest);
  if (drift.length === 0) return;
  context.log.warn(
    `the project's files differ from version ${manifest.number}, which is in effect: ${drift.join("; ")}; the next batch run publishes them (tidemark batch --once)`,
  );
}

export function startSpeed(
  context: Context,
  { project, store, log }: OpenProject,
  manifest: VersionManifest,
  shard: number | null,
  signal: AbortSignal,
): Promise<void> {
  return runSpeed({
    store,
    log,
    manifest,
    shards: shard === null ? null : [shard],
    flushMsMax: project.speed.flushMsMax,
    memoryLimit: daemonMemory,
    now: Date.now,
    say: (line) => context.log.info(line),
    signal,
  });
}

export function startSources(
  context: Context,
  { project, store, log }: OpenProject,
  signal: AbortSignal,
): Promise<void> {
  return runSources({
    store,
    log,
    project: project.name,
    sources: project.sources,
    folder: join(project.dataDir, "sources"),
    memoryLimit: daemonMemory,
    now: Date.now,
    say: (line) => context.log.info(line),
    signal,
  });
}

/** Loaded only where it runs. */
export async function startDeliver(
  context: Context,
  { project, store }: OpenProject,
  signal: AbortSignal,
): Promise<void> {
  // what was said of consumers that are gone is over
  if (project.consumers.length === 0) return new Incidents(store, "deliver", Date.now).retain([]);
  const { runDeliver } = await import("../deliveries/daemon.ts");
  return runDeliver({
    store,
    project: project.name,
    consumers: project.consumers,
    memoryLimit: daemonMemory,
    now: Date.now,
    say: (line) => context.log.info(line),
    signal,
  });
}

/** The server is loaded only where it runs: the other verbs start without it. */
export async function startServe(
  context: Context,
  { project, store, log }: OpenProject,
  signal: AbortSignal,
  onListening: (url: string) => void,
): Promise<void> {
  const [{ runServe }, { ingestMount }] = await Promise.all([
    import("../serving/daemon.ts"),
    import("../ingest/http/mount.ts"),
  ]);
  return runServe({
    store,
    log,
    host: project.serve.host,
    port: project.serve.port,
    memoryLimit: daemonMemory,
    keyFile: join(project.dir, keyFile),
    withoutKeys: project.serve.withoutKeys,
    mounts: [ingestMount(store, log)],
    limits: { requestsPerSecond: project.serve.requestsPerSecond, cors: project.serve.cors },
    now: Date.now,
    say: (line) => context.log.info(line),
    answered: (facts) => context.log.debug(facts, "answered"),
    signal,
    onListening,
  });
}
