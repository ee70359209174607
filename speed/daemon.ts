/** The streaming daemon: for each of its shards, a delta on the newest version, handed over when a newer one appears. */
import { Duck } from "../shared/duckdb/duck.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { covers } from "../shared/position.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { layout } from "../shared/store/layout.ts";
import { checkWithinLog, endOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { newerVersion } from "../shared/store/versions.ts";
import { DeltaWriter } from "./delta-writer.ts";

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
}

/**
 * Runs until the signal, or until the last of its shards was taken over.
 * @throws SPEED_FENCED when another process took a shard over (once the others have stopped too); LOG_RANGE, LOG_UNREACHABLE, STORE_BEYOND_LOG
 */
export async function runSpeed(options: SpeedOptions): Promise<void> {
  for (let manifest: VersionManifest | null = options.manifest; manifest; )
    manifest = await runShards({ ...options, manifest });
}

/** @returns the version with another number of shards that this can't go on with; null when it was stopped */
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
  checkWithinLog(options.manifest.cut, await endOf(options.log, definition.streams));
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const duck = await Duck.open({
    memoryLimit: options.memoryLimit,
    tempDir: options.store.scratch("spill"),
    timezone: definition.timezone,
  });
  const failures: unknown[] = [];
  let resharded: VersionManifest | null = null;
  const run = (shard: number) =>
    runShard({ ...options, signal }, duck, shard).then(
      (newest) => {
        if (!newest) return;
        resharded = newest;
        stop.abort();
      },
      (error: unknown) => {
        failures.push(error);
        // a shard that was taken over is in good hands, and the others are still this process's own
        if (isCode(error, "SPEED_FENCED")) options.say(error.line);
        else stop.abort();
      },
    );
  try {
    await Promise.all(shards.map(run));
  } finally {
    duck.close();
  }
  const worst = failures.find((error) => !isCode(error, "SPEED_FENCED")) ?? failures[0];
  if (worst && !resharded && !(options.signal.aborted && isCode(worst, "SPEED_FENCED"))) throw worst;
  return options.signal.aborted ? null : resharded;
}

/**
 * One shard: writes the newest version's delta; while a newer version's delta catches up, both.
 * @returns a newer version with another number of shards, as soon as there is one
 */
async function runShard(options: SpeedOptions, duck: Duck, shard: number): Promise<VersionManifest | null> {
  let current = await openWriter(options, duck, options.manifest, shard);
  let next: Writer | null = null;
  try {
    while (!options.signal.aborted) {
      const number: number = (next ?? current).manifest.number;
      const newest = await newerVersion(options.store, number);
      if (newest && newest.definition.shards !== options.manifest.definition.shards) {
        const { shards } = newest.definition;
        options.say(`shard ${shard}: version ${newest.number} has ${shards} ${shards === 1 ? "shard" : "shards"}`);
        if (options.shards === null) return newest;
        throw new TidemarkError(
          "DEFINITION_SHARDS",
          `version ${newest.number} has ${shards} shards, and this process was started for shard ${shard} of ${options.manifest.definition.shards}`,
          "start one process for each of them, or one without --shard",
        );
      }
      if (newest) {
        await next?.close();
        next = await openWriter(options, duck, newest, shard);
        options.say(`shard ${shard}: version ${newest.number} is here, its delta starts at its cut`);
      }
      if (next && !(await options.store.exists(layout.version(current.manifest.number)))) {
        // a version that is not kept any more can't be written, and nobody reads it
        await current.close();
        current = next;
        next = null;
      }
      // both end before either's failure counts: a session must not be closed under a statement
      const [folded, ahead] = await Promise.allSettled([current.delta.step(), next?.delta.step()]);
      if (ahead.status === "rejected") {
        if (!isCode(ahead.reason, "SPEED_REJECTED")) throw ahead.reason;
        next = await openAgain(options, duck, next!, shard, ahead.reason);
        continue;
      }
      if (folded.status === "rejected" && isCode(folded.reason, "SPEED_REJECTED")) {
        current = await openAgain(options, duck, current, shard, folded.reason);
        continue;
      }
      if (folded.status === "fulfilled") options.onFolded?.(folded.value);
      else if (!next || (await options.store.exists(layout.version(current.manifest.number)))) throw folded.reason;
      else continue;
      if (next && (covers(next.delta.position, current.delta.position) || !sameShape(next, current))) {
        await current.close();
        current = next;
        next = null;
      }
    }
    return null;
  } finally {
    await current.close();
    await next?.close();
  }
}

/** A new generation in place of one that a proof has rejected. */
async function openAgain(
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
    return { manifest, delta, close: () => delta.close().finally(closeSessions) };
  } catch (error) {
    closeSessions();
    throw error;
  }
}

/** False when the streams of the two versions differ, so that their positions can't be compared: the new one takes over at once. */
function sameShape(next: Writer, current: Writer): boolean {
  return (
    JSON.stringify(Object.keys(next.delta.position).sort()) ===
    JSON.stringify(Object.keys(current.delta.position).sort())
  );
}
