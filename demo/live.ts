/** The last third as a live stream: speed and serving run, and halfway a second batch runs under them. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BatchResult } from "../batch/batch.ts";
import { runBatch } from "../batch/run.ts";
import { batchOf, type OpenProject } from "../cli/opened.ts";
import { ingestMount } from "../ingest/http/mount.ts";
import type { Producer } from "../ingest/producer.ts";
import { runServe } from "../serving/daemon.ts";
import { keyFile } from "../serving/http/access/key-file.ts";
import { formatPosition } from "../shared/position.ts";
import { makeDefinition } from "../shared/project/definition.ts";
import { ensureVersion } from "../shared/store/origin.ts";
import { runSpeed } from "../speed/daemon.ts";
import type { Flights } from "./flights-data.ts";
import { grouped, type Screen } from "./screen.ts";
import { Watch } from "./watch.ts";

export interface Live {
  readonly screen: Screen;
  readonly opened: OpenProject;
  readonly flights: Flights;
  readonly producer: Producer;
  /** How many events are streamed, and in how many seconds. */
  readonly count: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Speed and serving run; events come at a steady pace; halfway, a second batch runs under them. */
export async function streamRest(live: Live): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([live.signal, stop.signal]);
  const { project, store, log } = live.opened;
  const manifest = await ensureVersion(store, log, () => makeDefinition(project, store));
  const common = { store, log, memoryLimit: "1GB", now: Date.now, say: () => undefined, signal };
  let url = "";
  let listening: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    listening = resolve;
  });
  const roles = [
    runSpeed({ ...common, manifest, shards: null, flushMsMax: project.speed.flushMsMax }),
    runServe({
      ...common,
      keyFile: join(project.dir, keyFile),
      withoutKeys: false,
      mounts: [ingestMount(store, log)],
      limits: { requestsPerSecond: null, cors: [] },
      host: "127.0.0.1",
      port: 0,
      onListening: (at) => {
        url = at;
        listening();
      },
    }),
  ];
  const failure = Promise.race(roles.map((role) => role.then(() => new Promise<never>(() => undefined))));
  try {
    await Promise.race([ready, failure]);
    await Promise.race([failure, follow(live, url)]);
  } finally {
    stop.abort();
    await Promise.allSettled(roles);
  }
}

async function follow({ screen, opened, flights, producer, count, seconds, signal }: Live, url: string): Promise<void> {
  const began = performance.now();
  const watch = new Watch(screen, url, count);
  let batch: Promise<number> | null = null;
  for (let done = 0; done < count; ) {
    signal.throwIfAborted();
    const due = Math.min(count, Math.ceil(((performance.now() - began) / (seconds * 1000)) * count));
    while (done < due) {
      const events = await flights.take(due - done);
      for (const event of events) await producer.add(event);
      done += events.length;
    }
    watch.sent = done;
    await producer.flush();
    if (!batch && done > count / 2) {
      screen.note("   (a second batch starts under the live stream)");
      batch = runBatch(batchOf(opened, () => undefined)).then((result) => {
        sayRun(screen, result);
        return result.manifest.number;
      });
    }
    await watch.poll();
    await sleep(40);
  }
  const version = await batch;
  const position = formatPosition(await producer.flush());
  await watch.settle(position, version ?? 0);
}

export function sayRun(screen: Screen, { manifest, timings, archived }: BatchResult): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const proof =
    manifest.proof.state === "proved" ? `, proved equal to ${manifest.proof.by} in ${seconds(timings.prove)}` : "";
  screen.note(
    `   version ${manifest.number}: ${grouped(archived)} events archived in ${seconds(timings.archive)}, ` +
      `${manifest.definition.views.length} views recomputed over ${grouped(manifest.events)} in ${seconds(timings.recompute)}${proof}`,
  );
}
