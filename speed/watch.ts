/**
 * Watches a shard's writers: whether the log is still the store's own, whether they keep up, and which
 * incidents to report.
 */
import type { StreamDefinition } from "../shared/definition.ts";
import { isCode, type TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { ofShard, ofStreams } from "../shared/position.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";
import { troubleOf } from "../shared/store/incidents.ts";
import { endsOf, isOfStream, originOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { DeadRate } from "./dead-rate.ts";
import type { DeltaWriter } from "./delta-writer.ts";
import { DeltaProgress } from "./progress.ts";
import { StrangeStamps } from "./strange-stamps.ts";

const pollMs = 5000;
/** A broker that has just started may not know its topics yet. */
const missingMsMax = 15_000;

export interface WatchOptions {
  readonly store: Store;
  readonly log: Log;
  readonly incidents: Incidents;
  readonly shard: number;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

export class ShardWatch {
  readonly #options: WatchOptions;
  readonly #stamps: StrangeStamps;
  readonly #deadRate: DeadRate;
  readonly #progress = new DeltaProgress();
  #polled = performance.now();
  readonly #missingSince = new Map<string, number>();
  /** The stopped streams as they were last reported, and why; "-": not reported yet. */
  #stopped = "-";
  /** The failed views as they were last reported. */
  #failed = "";

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#stamps = new StrangeStamps(options.incidents, options.now);
    this.#deadRate = new DeadRate(options.incidents);
  }

  /** To be called between two steps of the writers: the current one, and its successor. */
  async poll(current: DeltaWriter, next: DeltaWriter | null): Promise<void> {
    for (const [stream, stamps] of current.strangeStamps()) this.#stamps.note(stream, stamps);
    for (const [stream, judged] of current.judged())
      await this.#deadRate.note(stream, judged, viewsOf(current, stream));
    next?.strangeStamps();
    next?.judged();
    await this.#reportStopped(current);
    await this.#reportFailed(current);
    const now = performance.now();
    if (now - this.#polled < pollMs) return;
    this.#polled = now;
    await this.#stamps.report();
    // not the streams of the current version that have left the project
    for (const stream of (next ?? current).generation.manifest.definition.streams)
      await this.#checkOrigin(stream, next ? [current, next] : [current]);
  }

  /** To be called from a timer: a writer that makes no progress does not reach `poll`. */
  async checkProgress(writer: DeltaWriter): Promise<void> {
    const { log, shard, incidents } = this.#options;
    const { definition } = writer.generation.manifest;
    const read = definition.streams.filter(({ name }) => !writer.stopped.has(name));
    const { position } = writer;
    const { end } = await endsOf(log, read);
    const own = ofShard(end, shard, definition.shards);
    const found = this.#progress.sample(performance.now(), read, ofStreams(position, Object.keys(own)), own);
    for (const kind of ["standing-still", "falling-behind"] as const) {
      const troubles = [...found[kind]].map(
        ([stream, trouble]) => [stream, { ...trouble, views: viewsOf(writer, stream) }] as const,
      );
      await incidents.settle(kind, new Map(troubles));
    }
  }

  async #reportFailed({ failed }: DeltaWriter): Promise<void> {
    const now = JSON.stringify([...failed]);
    if (now === this.#failed) return;
    this.#failed = now;
    const troubles = [...failed].map(([view, { message, at }]) => {
      const where = at ? `, first at ${at.stream} partition ${at.partition} offset ${at.offset}` : "";
      const line = `view "${view}" fails on valid events${where}: ${message}; correct its SQL and run a batch`;
      return [view, { code: "SERVE_VIEW_FAILED", message: line, views: [view] }] as const;
    });
    await this.#options.incidents.settle("view-failed", new Map(troubles));
  }

  /** The topic may have been created anew, or have been given more partitions. */
  async #checkOrigin(stream: StreamDefinition, all: readonly DeltaWriter[]): Promise<void> {
    const { store, log } = this.#options;
    const reads = ({ generation }: DeltaWriter) =>
      generation.manifest.definition.streams.some(({ name }) => name === stream.name);
    const writers = all.filter(reads);
    try {
      const { origin } = await originOf(store, log, stream);
      this.#missingSince.delete(stream.name);
      for (const writer of writers) await writer.grow(stream, Object.keys(origin[stream.name] ?? {}).length);
    } catch (error) {
      if (!isOfStream(error)) throw error;
      const since = this.#missingSince.get(stream.name) ?? performance.now();
      this.#missingSince.set(stream.name, since);
      if (isCode(error, "LOG_STREAM_MISSING") && performance.now() - since <= missingMsMax) return;
      for (const writer of writers) if (!writer.stopped.has(stream.name)) await writer.stop(stream.name, error);
    }
  }

  async #reportStopped(writer: DeltaWriter): Promise<void> {
    const { incidents, say } = this.#options;
    const lines = [...writer.stopped].map(([stream, error]) => `${stream}: ${error.line}`).join("\n");
    if (lines === this.#stopped) return;
    const before = this.#stopped;
    this.#stopped = lines;
    const troubles = [...writer.stopped].map(
      ([stream, error]) => [stream, stoppedTrouble(writer, stream, error)] as const,
    );
    await incidents.settle("stream-stopped", new Map(troubles));
    for (const [stream, { message }] of troubles) say(`stream ${stream} is no longer read: ${message}`);
    if (troubles.length === 0 && before !== "-") say("all streams are read again");
  }
}

function stoppedTrouble(writer: DeltaWriter, stream: string, error: TidemarkError): Trouble {
  return { ...troubleOf(error), streams: [stream], views: viewsOf(writer, stream) };
}

function viewsOf(writer: DeltaWriter, stream: string): string[] {
  return writer.generation.manifest.definition.views
    .filter(({ streams }) => streams.includes(stream))
    .map(({ name }) => name);
}
