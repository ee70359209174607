/** The daemon that keeps the stores of others equal to views. */
import { Feeds } from "../serving/live/feed.ts";
import { Follower } from "../serving/snapshot/follower.ts";
import { KeptVersions } from "../serving/snapshot/kept-versions.ts";
import { SessionPool } from "../serving/snapshot/pool.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import { pause } from "../shared/pause.ts";
import type { ConsumerSection } from "../shared/project/consumers.ts";
import { Incidents } from "../shared/store/incidents.ts";
import { PositionTexts } from "../shared/store/position-texts.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { Consumer } from "./consumer.ts";
import { openTarget } from "./open-target.ts";

export interface DeliverOptions {
  readonly store: Store;
  /** The project's name. */
  readonly project: string;
  readonly consumers: readonly ConsumerSection[];
  readonly memoryLimit: string;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Before the next attempt after any fault. */
const retryMs = 1000;

/** Runs until the signal. There must be a version. @throws SERVE_NOTHING, STORE_CORRUPT */
export async function runDeliver(options: DeliverOptions): Promise<void> {
  const { store, say, now, consumers } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const timezone = (await newestVersion(store))?.definition.timezone ?? "UTC";
  using duck = await Duck.open({ memoryLimit: options.memoryLimit, tempDir: store.scratch("spill"), timezone });
  const follower = await Follower.open(store, duck, say);
  // one each for what fills a target, and one for changes
  const pool = await SessionPool.open(duck, consumers.length + 1);
  const positions = new PositionTexts(store, now, say);
  const versions = new KeptVersions(store);
  const feeds = new Feeds({ store, follower, pool, positions, versions, signal, say });
  const incidents = new Incidents(store, "deliver", now);
  await incidents.retain(consumers.map(({ name }) => name));
  const following = async () => {
    while (!signal.aborted) if (!(await follower.tick())) await pause(store.paceMs, signal);
  };
  const all = [
    following(),
    ...consumers.map((consumer) => keepOn({ ...options, signal, follower, pool, feeds, incidents }, consumer)),
  ];
  try {
    await Promise.all(all);
  } finally {
    stop.abort();
    await Promise.allSettled(all);
    await follower.close();
    pool.close();
  }
}

interface Kept extends DeliverOptions {
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly feeds: Feeds;
  readonly incidents: Incidents;
}

/** Begins again after whatever fault, until the signal. */
async function keepOn(options: Kept, consumer: ConsumerSection): Promise<void> {
  const { incidents, say, signal, project } = options;
  const { name, from } = consumer;
  let last = "";
  const works = async () => {
    last = "";
    await incidents.clear("consumer-stopped", name);
  };
  while (!signal.aborted) {
    try {
      const target = await openTarget(project, consumer);
      try {
        await new Consumer({ ...options, consumer, target, works }).run();
      } finally {
        await target.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      const line = error instanceof TidemarkError ? error.line : messageOf(error);
      if (line !== last) say(`${name}: ${line}; trying again`);
      last = line;
      await incidents.raiseError("consumer-stopped", name, error, { views: [from] });
    }
    await pause(retryMs, signal);
  }
}
