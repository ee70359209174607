/**
 * The streaming daemon: for each of its shards, a delta on the newest version, handed over when a newer one
 * appears. For a shard that another process has taken over, it is the standby, and takes over when that
 * process's heartbeat stops.
 */
import { Duck } from "../shared/duckdb/duck.ts";
import { isCode, isDiskFull, messageOf, TidemarkError } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { pause } from "../shared/pause.ts";
import { follows } from "../shared/position.ts";
import { Incidents } from "../shared/store/incidents.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { layout } from "../shared/store/layout.ts";
import type { Store } from "../shared/store/store.ts";
import { generationNumbers, isKept, newerVersion, newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import { DeltaWriter } from "./delta-writer.ts";
import { ShardWatch } from "./watch.ts";

export interface SpeedOptions {
  readonly store: Store;
  readonly log: Log;
  /** The newest version when the daemon starts (see ensureVersion). */
  readonly manifest: VersionManifest;
  /** Which shards; null: all of them. */
  readonly shards: readonly number[] | null;
  readonly flushMsMax: number;
  readonly memoryLimit: string;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called after each micro-batch with the records folded. */
  readonly onFolded?: (records: number) => void;
  /** A standby takes over when the writer's heartbeat has not changed for this long, ms. Default 5000. */
  readonly silentMs?: number;
  /** How long a delta is still written after a newer version's delta covers it, ms. Default 10,000. */
  readonly graceMs?: number;
}

interface ShardOptions extends SpeedOptions {
  readonly incidents: Incidents;
}

const defaultSilentMs = 5000;
/**
 * Both deltas are written for this long after the newer one has caught up, while servers load it: none falls
 * behind.
 */
const defaultGraceMs = 10_000;
/** Between two heartbeats of a writer, and between two checks of its progress. */
const beatMs = 1000;
const progressMs = 5000;
/** Before the next attempt after a fault that passes by itself: a full disk, an unreachable log. */
const retryMs = 1000;

/**
 * Runs until the signal.
 * @throws LOG_RANGE, LOG_PARTITIONS, LOG_STREAM_MISSING, STORE_BEYOND_LOG, DEFINITION_SHARDS: an operator has to act
 */
export async function runSpeed(options: SpeedOptions): Promise<void> {
  for (let manifest: VersionManifest | null = options.manifest; manifest; )
    manifest = await runShards({ ...options, manifest });
}

/** @returns the version whose number of shards differs, so that all have to start over; null when it was stopped */
async function runShards(options: SpeedOptions): Promise<VersionManifest | null> {
  const { definition } = options.manifest;
  const shards = options.shards ?? Array.from({ length: definition.shards }, (_, shard) => shard);
  const wrong = shards.find((shard) => !Number.isInteger(shard) || shard < 0 || shard >= definition.shards);
  if (wrong !== undefined) {
    throw new TidemarkError(
      "DEFINITION_SHARDS",
      `there is no shard ${wrong}: version ${options.manifest.number} has ${definition.shards}`,
      `name one of 0 to ${definition.shards - 1}`,
    );
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const duck = await Duck.open({
    memoryLimit: options.memoryLimit,
    tempDir: options.store.scratch("spill"),
    timezone: definition.timezone,
  });
  const failures: unknown[] = [];
  let resharded: VersionManifest | null = null;
  const run = (shard: number) => {
    const incidents = new Incidents(options.store, `speed-${shard}`, options.now);
    return runShard({ ...options, signal, incidents }, duck, shard).then(
      (newest) => {
        if (!newest) return;
        resharded = newest;
        stop.abort();
      },
      async (error: unknown) => {
        failures.push(error);
        stop.abort();
        await incidents.raiseError("role-failed", "", error);
      },
    );
  };
  try {
    await Promise.all(shards.map(run));
  } finally {
    duck.close();
  }
  if (failures.length > 0 && !resharded) throw failures[0];
  return options.signal.aborted ? null : resharded;
}

/**
 * One shard, as its writer or its standby. Retries after faults that pass by themselves.
 * @returns a newer version with another number of shards, as soon as there is one
 */
async function runShard(options: ShardOptions, duck: Duck, shard: number): Promise<VersionManifest | null> {
  const { say, signal } = options;
  let manifest = options.manifest;
  while (!signal.aborted) {
    try {
      return await writeShard({ ...options, manifest }, duck, shard);
    } catch (error) {
      if (isCode(error, "SPEED_FENCED")) {
        say(`${error.line}; standing by`);
        await standBy(options, shard);
        if (!signal.aborted) say(`shard ${shard}: its writer's heartbeat has stopped; taking over`);
      } else if (isDiskFull(error) || isCode(error, "LOG_UNREACHABLE")) {
        say(`shard ${shard}: ${error instanceof TidemarkError ? error.line : messageOf(error)}; trying again`);
        await options.incidents.raiseError("role-failed", "", error);
        await pause(retryMs, signal);
      } else throw error;
    }
    manifest = (await newestVersion(options.store)) ?? manifest;
    if (manifest.definition.shards !== options.manifest.definition.shards) return resharded(options, shard, manifest);
  }
  return null;
}

/** Until the writer's heartbeat has not changed for `silentMs`, or the signal. Uses this process's own clock only. */
async function standBy({ store, signal, silentMs = defaultSilentMs }: SpeedOptions, shard: number): Promise<void> {
  let last = "";
  for (let since = performance.now(); performance.now() - since < silentMs && !signal.aborted; ) {
    const version = (await newestVersion(store).catch(unlessCorrupt))?.number ?? 0;
    const generation = (await generationNumbers(store, version, shard)).at(-1) ?? 0;
    const now = `${version} ${generation} ${await store.read(layout.beat(version, shard, generation))}`;
    if (now !== last) since = performance.now();
    last = now;
    await pause(Math.min(beatMs, silentMs / 5), signal);
  }
}

/** @throws DEFINITION_SHARDS where this process has one shard only */
function resharded(options: SpeedOptions, shard: number, newest: VersionManifest): VersionManifest {
  const { shards } = newest.definition;
  options.say(`shard ${shard}: version ${newest.number} has ${shards} ${shards === 1 ? "shard" : "shards"}`);
  if (options.shards === null) return newest;
  throw new TidemarkError(
    "DEFINITION_SHARDS",
    `version ${newest.number} has ${shards} shards, and this process was started for shard ${shard} of ` +
      `${options.manifest.definition.shards}`,
    "start one process for each of them, or one without --shard",
  );
}

/**
 * Writes the newest version's delta; while a newer version's delta catches up, and a little longer, both.
 * @throws SPEED_FENCED
 */
async function writeShard(options: ShardOptions, duck: Duck, shard: number): Promise<VersionManifest | null> {
  const { graceMs = defaultGraceMs } = options;
  let current = await openWriter(options, duck, options.manifest, shard);
  let next: Writer | null = null;
  /** Since when the newer version's delta covers the other. */
  let coveredSince: number | null = null;
  const handOver = async (newer: Writer) => {
    await current.close();
    current = newer;
    next = null;
    coveredSince = null;
  };
  // an incident of the process before, or of a failure that has passed, is cleared by the first step that succeeds
  let clearIncident = true;
  const watch = new ShardWatch({ ...options, shard });
  const progress = setInterval(() => void watch.checkProgress(current.delta).catch(() => undefined), progressMs);
  progress.unref();
  try {
    while (!options.signal.aborted) {
      const number: number = (next ?? current).manifest.number;
      const newest = await newerVersion(options.store, number);
      if (newest && newest.definition.shards !== options.manifest.definition.shards) {
        return resharded(options, shard, newest);
      }
      await watch.poll(current.delta, next?.delta ?? null);
      if (newest) {
        if (next && coveredSince !== null) await handOver(next);
        await next?.close();
        next = await openWriter(options, duck, newest, shard);
        options.say(`shard ${shard}: version ${newest.number} has been published; starting its delta at its cut`);
      }
      if (next && !(await isKept(options.store, current.manifest.number))) {
        // a removed version can't be written, and has no readers
        await handOver(next);
      }
      // both steps settle before a failure of either is handled: a session must not be closed under a statement
      const [folded, ahead] = await Promise.allSettled([current.delta.step(), next?.delta.step()]);
      if (ahead.status === "rejected") {
        if (!isCode(ahead.reason, "SPEED_REJECTED")) throw ahead.reason;
        next = await reopen(options, duck, next!, shard, ahead.reason);
        coveredSince = null;
        continue;
      }
      if (folded.status === "rejected" && isCode(folded.reason, "SPEED_REJECTED")) {
        current = await reopen(options, duck, current, shard, folded.reason);
        continue;
      }
      if (folded.status === "fulfilled") {
        if (clearIncident) await options.incidents.clear("role-failed", "");
        clearIncident = false;
        options.onFolded?.(folded.value);
      } else if (next && coveredSince !== null && !isCode(folded.reason, "SPEED_FENCED")) {
        const abandoned = `the delta of version ${current.manifest.number} is abandoned`;
        options.say(`shard ${shard}: ${abandoned}: ${messageOf(folded.reason)}`);
        await handOver(next);
        continue;
      } else if (!next || (await isKept(options.store, current.manifest.number))) throw folded.reason;
      else continue;
      if (next && follows(next.delta.position, current.delta.position)) {
        coveredSince ??= performance.now();
        if (performance.now() - coveredSince >= graceMs) await handOver(next);
      }
    }
    return null;
  } finally {
    clearInterval(progress);
    await current.close();
    await next?.close();
  }
}

/** Opens a new generation in place of one that a proof has rejected. */
async function reopen(
  options: SpeedOptions,
  duck: Duck,
  rejected: Writer,
  shard: number,
  why: TidemarkError,
): Promise<Writer> {
  options.say(why.line);
  await rejected.close();
  return openWriter(options, duck, rejected.manifest, shard);
}

interface Writer {
  readonly manifest: VersionManifest;
  readonly delta: DeltaWriter;
  close(): Promise<void>;
}

async function openWriter(
  options: SpeedOptions,
  duck: Duck,
  manifest: VersionManifest,
  shard: number,
): Promise<Writer> {
  const { timezone } = manifest.definition;
  const [session, compactSession] = [await duck.session(timezone), await duck.session(timezone)];
  const { store, log, flushMsMax, now, say } = options;
  const history = new History(store, log, manifest.origin);
  const closeSessions = () => {
    session.close();
    compactSession.close();
  };
  try {
    const deltaOptions = { store, log, history, session, compactSession, flushMsMax, now, say };
    const delta = await DeltaWriter.open(deltaOptions, manifest, shard);
    // from a timer: standbys need the heartbeat while a long micro-batch is folded, too
    const beat = setInterval(() => void delta.generation.beat().catch(() => undefined), beatMs);
    beat.unref();
    const close = async () => {
      clearInterval(beat);
      await delta.close().finally(closeSessions);
    };
    return { manifest, delta, close };
  } catch (error) {
    closeSessions();
    throw error;
  }
}
