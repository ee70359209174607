/** The runs over streams' logs that are open: a few, each for all who read near its end. */
import type { Records } from "../../shared/archive/records.ts";
import { decoderOf } from "../../shared/archive/segments.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { LogRun, type Offsets, type RunOptions, type RunTools } from "./log-run.ts";

/** Each may remember many ids of events, see Spill. */
const runsMax = 4;
/** A run that is not asked for this long is closed. */
const idleMs = 30_000;

interface OpenRun {
  readonly run: LogRun;
  readonly decoder: string;
  readonly idle: NodeJS.Timeout;
}

export class LogRuns {
  readonly #tools: RunTools;
  /** The one that was used last comes last. */
  #open: OpenRun[] = [];
  /** Of each stream, what is being opened: the next to ask may use it. */
  readonly #opening = new Map<string, Promise<unknown>>();

  constructor(tools: RunTools) {
    this.#tools = tools;
  }

  get count(): number {
    return this.#open.length;
  }

  /** The run that has come furthest of those that have what comes after these offsets; null: there is none. */
  find(stream: StreamDefinition, at: Offsets): LogRun | null {
    const decoder = decoderOf(stream);
    this.#open = this.#open.filter(({ run, idle }) => {
      if (run.isClosed) clearTimeout(idle);
      return !run.isClosed;
    });
    const usable = this.#open.filter(
      (each) => each.run.stream.name === stream.name && each.decoder === decoder && each.run.covers(at),
    );
    const [first, ...others] = usable;
    if (!first) return null;
    const best = others.reduce((a, b) => (isFurther(b.run, a.run) ? b : a), first);
    this.#open = [...this.#open.filter((each) => each !== best), best];
    best.idle.refresh();
    return best.run;
  }

  /**
   * @param records of the stream's past
   * @throws as LogRun.open
   */
  async findOrOpen(stream: StreamDefinition, records: Records, at: Offsets): Promise<LogRun> {
    for (;;) {
      const found = this.find(stream, at);
      if (found) return found;
      const other = this.#opening.get(stream.name);
      if (!other) break;
      await other.catch(() => undefined);
    }
    const opening = this.#add({ ...this.#tools, stream, records }, at);
    this.#opening.set(stream.name, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(stream.name);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    const open = this.#open.splice(0);
    for (const { run, idle } of open) {
      clearTimeout(idle);
      await run.close();
    }
  }

  async #add(options: RunOptions, at: Offsets): Promise<LogRun> {
    while (this.#open.length >= runsMax) {
      const { run, idle } = this.#open.shift()!;
      clearTimeout(idle);
      await run.close();
    }
    const run = await LogRun.open(options, at);
    const idle = setTimeout(() => void run.close().catch(() => undefined), idleMs).unref();
    this.#open.push({ run, decoder: decoderOf(options.stream), idle });
    return run;
  }
}

function isFurther(a: LogRun, b: LogRun): boolean {
  const others = b.heads;
  return [...a.heads].every(([partition, head]) => head >= (others.get(partition) ?? 0));
}
