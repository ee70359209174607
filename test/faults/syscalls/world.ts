/** A small project that each fault gets a copy of, and what must be true of the copy, whatever happened to it. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StreamDefinition } from "../../../shared/definition.ts";
import { Duck } from "../../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import type { Log } from "../../../shared/log/log.ts";
import { openLog } from "../../../shared/log/open.ts";
import { covers, formatPosition, type Position, places } from "../../../shared/position.ts";
import { verify } from "../../../shared/proof/verify.ts";
import { verifyFiles } from "../../../shared/proof/verify-files.ts";
import { FolderStore } from "../../../shared/store/folder.ts";
import { endOf, logStream } from "../../../shared/store/origin.ts";
import { pinBest, releasePins } from "../../../shared/store/pin.ts";
import { bestSnapshot } from "../../../shared/store/versions.ts";
import { Daemon, runVerb } from "../daemon.ts";
import { Project } from "./project.ts";

const verbMsMax = 60_000;

/** What a folder holds when it is left alone. */
export interface Seen {
  readonly position: Position;
  /** Events that its log has, each once. */
  readonly events: number;
}

export class World {
  readonly dir: string;
  readonly project: Project;
  readonly #duck: Duck;

  private constructor(dir: string, duck: Duck) {
    this.dir = dir;
    this.project = new Project(dir);
    this.#duck = duck;
  }

  /** A version, a delta on it with entries that want compaction, and events that no process has read yet. */
  static async make(): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "tidemark-calls-"));
    const world = new World(dir, await Duck.open({ threads: 1 }));
    for (let i = 0; i < 3; i++)
      await world.#must(["load", "events", world.project.events(i), "--request-id", `load-${i}`, "--accept-dead"]);
    await world.#must(["batch", "--once"]);
    const speed = new Daemon(["speed", ...world.project.args(world.data)]);
    for (let i = 3; i < 7; i++) {
      await world.#must(["load", "events", world.project.events(i), "--request-id", `load-${i}`, "--accept-dead"]);
      await world.reached(world.data);
    }
    await speed.stop();
    await world.#must(["load", "events", world.project.events(7), "--request-id", "load-7", "--accept-dead"]);
    return world;
  }

  get data(): string {
    return join(this.dir, "data");
  }

  /** The folder as it is now, to be spoiled. */
  copy(to: string): string {
    rmSync(to, { recursive: true, force: true });
    cpSync(this.data, to, { recursive: true });
    return to;
  }

  /** Until the delta covers everything in the log. @returns false when it does not in time */
  async reached(data: string, msMax = verbMsMax, ended: () => boolean = () => false): Promise<boolean> {
    const store = await FolderStore.open(data);
    const log = await openLog({ data, warn: () => undefined });
    try {
      for (const until = performance.now() + msMax; ; await sleep(15)) {
        const snapshot = await bestSnapshot(store).catch(() => null);
        if (snapshot && covers(snapshot.position, await endOf(log, snapshot.manifest.definition.streams))) return true;
        if (ended() || performance.now() > until) return false;
      }
    } finally {
      await log.close();
    }
  }

  /**
   * What is served there now is exactly what the log holds below its position, by a plain count as well as by
   * the views' own SQL.
   * @returns what was seen, or what is wrong
   */
  async judge(data: string, files: boolean): Promise<Seen | { wrong: string }> {
    const log = await openLog({ data, warn: () => undefined });
    const run = "judge";
    const session = await this.#duck.session();
    try {
      const store = await FolderStore.open(data);
      const snapshot = await pinBest(store, run);
      if (!snapshot) return { wrong: "nothing is served" };
      const { definition } = snapshot.manifest;
      for await (const { view, differences, failed } of verify({ store, log, session, snapshot }, definition.views))
        if (failed || differences.length > 0)
          return { wrong: `view ${view} is ${failed?.message ?? JSON.stringify(differences[0])}` };
      if (files) {
        for await (const { file, damage } of verifyFiles(store, log))
          if (damage !== null) return { wrong: `${file}: ${damage}` };
      }
      const counted = await count(log, definition.streams[0]!, snapshot.position);
      const served =
        snapshot.manifest.events +
        snapshot.heads.reduce((sum, head) => sum + head.entries.reduce((n, entry) => n + entry.events, 0), 0);
      if (served !== counted.upto)
        return {
          wrong: `${served} events are served at ${formatPosition(snapshot.position)}, and the log has ${counted.upto}`,
        };
      return { position: snapshot.position, events: counted.all };
    } catch (error) {
      return { wrong: error instanceof TidemarkError ? error.line : messageOf(error) };
    } finally {
      session.close();
      await releasePins(await FolderStore.open(data), run);
      await log.close();
    }
  }

  async #must(args: readonly string[]): Promise<void> {
    const { code, err } = await runVerb([...args, ...this.project.args(this.data)], verbMsMax);
    if (code !== 0) throw new Error(`tidemark ${args[0]} ended with ${code}: ${err}`);
  }

  close(): void {
    this.#duck.close();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Events with another id each, plainly counted: all of them, and those below a position. */
async function count(
  log: Log,
  definition: StreamDefinition,
  position: Position,
): Promise<{ all: number; upto: number }> {
  const stream = logStream(definition);
  const ends = await log.end(stream);
  const [all, upto] = [new Set<string>(), new Set<string>()];
  for (const [partition, end] of ends.entries()) {
    const below = places(position).find((place) => place.partition === partition)?.offset ?? 0;
    const reader = await log.read(stream, new Map([[partition, 0]]));
    for (let at = 0; at < end; ) {
      for (const batch of await reader.next(1 << 20, 1000)) {
        for (const { offset, value } of batch.records()) {
          const text = String(value);
          if (text === "{") continue;
          const { e } = JSON.parse(text) as { e: string };
          all.add(e);
          if (offset < below) upto.add(e);
        }
        at = batch.upto;
      }
    }
    await reader.close();
  }
  return { all: all.size, upto: upto.size };
}

/** Lines a verb said that are not for a person: a stack, an assertion of a library. */
export function strange(err: string): string | null {
  return err.split("\n").find((line) => /^\s+at |assert|Segmentation|FATAL|UnhandledPromise/i.test(line)) ?? null;
}
