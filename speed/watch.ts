/** Beside a shard's writers: is the log still the one that the store was made from, do they keep up with it, and what has to be told? */
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
import { Progress } from "./progress.ts";
import { StrangeStamps } from "./strange-stamps.ts";

const lookMs = 5000;
/** A broker that has just started may not know its topics yet. */
const missingMsMax = 15_000;

export interface Watched {
  readonly store: Store;
  readonly log: Log;
  readonly incidents: Incidents;
  readonly shard: number;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

export class Watch {
  readonly #watched: Watched;
  readonly #stamps: StrangeStamps;
  readonly #deadRate: DeadRate;
  #progress = new Progress();
  #looked = performance.now();
  readonly #missingSince = new Map<string, number>();
  /** Which streams were told to be stopped, and why. */
  #stopped = "-";
  /** Which views were told to have failed. */
  #failed = "";

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#stamps = new StrangeStamps(watched.incidents, watched.now);
    this.#deadRate = new DeadRate(watched.incidents);
  }

  /** Between two steps of the writers: the current one, and the one that is to follow it. */
  async look(current: DeltaWriter, next: DeltaWriter | null): Promise<void> {
    for (const [stream, stamps] of current.strangeStamps()) this.#stamps.note(stream, stamps);
    for (const [stream, judged] of current.judged())
      await this.#deadRate.note(stream, judged, viewsOf(current, stream));
    next?.strangeStamps();
    next?.judged();
    await this.#tellStopped(current);
    await this.#tellFailed(current);
    const now = performance.now();
    if (now - this.#looked < lookMs) return;
    this.#looked = now;
    await this.#stamps.tell();
    // a stream that has left the project is looked at no more
    for (const stream of (next ?? current).generation.manifest.definition.streams)
      await this.#lookAtOrigin(stream, next ? [current, next] : [current]);
  }

  /** From a timer: a writer that stands still doesn't come to it. */
  async lookAtProgress(writer: DeltaWriter): Promise<void> {
    const { log, shard, incidents } = this.#watched;
    const { definition } = writer.generation.manifest;
    const read = definition.streams.filter(({ name }) => !writer.stopped.has(name));
    const { position } = writer;
    const { end } = await endsOf(log, read);
    const own = ofShard(end, shard, definition.shards);
    const found = this.#progress.look(performance.now(), read, ofStreams(position, Object.keys(own)), own);
    for (const kind of ["standing-still", "falling-behind"] as const) {
      const troubles = [...found[kind]].map(
        ([stream, trouble]) => [stream, { ...trouble, views: viewsOf(writer, stream) }] as const,
      );
      await incidents.settle(kind, new Map(troubles));
    }
  }

  async #tellFailed({ failed }: DeltaWriter): Promise<void> {
    const told = JSON.stringify([...failed]);
    if (told === this.#failed) return;
    this.#failed = told;
    const troubles = [...failed].map(([view, { message, at }]) => {
      const where = at ? `, first at ${at.stream} partition ${at.partition} offset ${at.offset}` : "";
      const line = `view "${view}" fails on valid events${where}: ${message}; correct its SQL and run a batch`;
      return [view, { code: "SERVE_VIEW_FAILED", message: line, views: [view] }] as const;
    });
    await this.#watched.incidents.settle("view-failed", new Map(troubles));
  }

  /** The stream that the log has now may be another one, or have more partitions. */
  async #lookAtOrigin(stream: StreamDefinition, all: readonly DeltaWriter[]): Promise<void> {
    const { store, log } = this.#watched;
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

  async #tellStopped(writer: DeltaWriter): Promise<void> {
    const { incidents, say } = this.#watched;
    const lines = [...writer.stopped].map(([stream, error]) => `${stream}: ${error.line}`).join("\n");
    if (lines === this.#stopped) return;
    const before = this.#stopped;
    this.#stopped = lines;
    const troubles = [...writer.stopped].map(
      ([stream, error]) => [stream, stoppedTrouble(writer, stream, error)] as const,
    );
    await incidents.settle("stream-stopped", new Map(troubles));
    for (const [stream, { message }] of troubles) say(`stream ${stream} is not read any more: ${message}`);
    if (troubles.length === 0 && before !== "-") say("every stream is read again");
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
