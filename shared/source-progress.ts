/**
 * How far changelogs are with what they are made from: which place of a source is in the changelogs, and at which
 * position that is. The writer of changelogs notes it in a reserved stream, `__control_<name>`; who has changed
 * something in the source waits there for the position to ask for.
 */
import { TidemarkError } from "./errors.ts";
import type { Log, LogReader, LogStream } from "./log/log.ts";
import { reservedTopic } from "./reserved.ts";

/** Everything up to a place of the source is in the changelogs below a position. */
export interface SourceProgress {
  /** Of an input or a topic, the next offset of each partition; of a database, its LSN. */
  readonly at: readonly number[] | string;
  /** As text. */
  readonly position: string;
  /** Where events begin that the streams have and the source may send once more; left out: at the position. */
  readonly repeatedFrom?: string;
}

/** @param name of a source, or of a changelog that has none */
export function controlOf(project: string, name: string): LogStream {
  const own = `__control_${name}`;
  return { name: own, topic: reservedTopic(project, own), existing: false, partitions: 1 };
}

export function progressRecord(progress: SourceProgress): Buffer {
  return Buffer.from(JSON.stringify({ progress }));
}

/** Undefined for a record that says something else. */
function progressIn(value: Buffer | null): SourceProgress | undefined {
  try {
    return (JSON.parse(value?.toString() ?? "null") as { progress?: SourceProgress } | null)?.progress;
  } catch {
    return undefined;
  }
}

/** Records that are read again to find the last that says how far it is. */
const tailRecords = 200;
const pollMs = 100;

export class SourcePositions {
  readonly #log: Log;
  readonly #project: string;

  constructor(log: Log, project: string) {
    this.#log = log;
    this.#project = project;
  }

  /**
   * The position from which on what is wanted is there.
   * @param covers whether a place is far enough
   * @returns null where it is not there within `patienceMs`
   * @throws LOG_UNREACHABLE
   */
  async positionOf(
    name: string,
    covers: (at: SourceProgress["at"]) => boolean,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<string | null> {
    const control = controlOf(this.#project, name);
    await this.#log.ensure(control);
    const [[first = 0], [end = 0]] = [await this.#log.first(control), await this.#log.end(control)];
    const reader = await this.#log.read(control, new Map([[0, Math.max(first, end - tailRecords)]]));
    try {
      return await found(reader, covers, performance.now() + patienceMs, signal);
    } finally {
      await reader.close();
    }
  }
}

async function found(
  reader: LogReader,
  covers: (at: SourceProgress["at"]) => boolean,
  until: number,
  signal: AbortSignal,
): Promise<string | null> {
  while (performance.now() < until && !signal.aborted) {
    for (const batch of await reader.next(1 << 20, pollMs)) {
      // the first that is far enough is the soonest to wait for
      for (const { value } of batch.records()) {
        const progress = progressIn(value);
        if (progress && covers(progress.at)) return progress.position;
      }
    }
  }
  return null;
}

/** What a text asks of a source: `shop@0/1A2B`, a commit of a database, or `__input_customers@0:3,1:5`. */
export interface SourcePlace {
  readonly name: string;
  readonly covers: (at: SourceProgress["at"]) => boolean;
}

const lsnPattern = /^(.+)@([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;
const inputPattern = /^__input_(.+)@(\d+:\d+(?:,\d+:\d+)*)$/;

/** Null for a text that is a position of streams. @throws USAGE for one that is neither */
export function sourcePlaceOf(text: string): SourcePlace | null {
  const [, source, high, low] = lsnPattern.exec(text) ?? [];
  if (source !== undefined) {
    const wanted = lsnNumber(`${high}/${low}`);
    return { name: source, covers: (at) => typeof at === "string" && lsnNumber(at) >= wanted };
  }
  const [, stream, places] = inputPattern.exec(text) ?? [];
  if (stream === undefined) {
    if (text.startsWith("__"))
      throw new TidemarkError(
        "USAGE",
        `position "${text.slice(0, 200)}" is none of a stream or a source`,
        "send one of an answer",
      );
    return null;
  }
  const wanted = places!.split(",").map((each) => each.split(":").map(Number) as [number, number]);
  const covers = (at: SourceProgress["at"]) =>
    typeof at !== "string" && wanted.every(([partition, offset]) => (at[partition] ?? 0) >= offset);
  return { name: stream, covers };
}

function lsnNumber(text: string): bigint {
  const [high = "0", low = "0"] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
