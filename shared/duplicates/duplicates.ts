/**
 * Duplicate suppression: which records count is decided by the log alone, so that archive, speed, rebuild and any replay agree.
 *
 * Log time is the running maximum of a partition's record timestamps. In offset order, a record is a duplicate
 * - of its request, if a record of the same request and sequence number counted before it in its partition, in the last 24 hours of log
 *   time by the full hour (a replayed dead letter: at any time);
 * - of its event, if it is valid, its stream has a duplicate window, and the last record with its id that counted in its partition
 *   lies within that window of log time.
 * A dead letter is no event: it suppresses none.
 */
import type { RecordBatch, RequestRun } from "../log/log.ts";
import type { RequestRange, Told } from "../store/layout.ts";
import { Seen } from "./seen.ts";
import type { Spill } from "./spill.ts";

/** How long a request is known, by the full hour. */
const requestHours = 24;
export const requestHourMs = 60 * 60 * 1000;
/** No request is known for longer. */
export const requestWindowMs = (requestHours + 1) * requestHourMs;
/** Requests of replayed dead letters, `dl:<stream>/<partition>/<offset>`, are known for good. */
export const replayPrefix = "dl:";
/** A duplicate window is forgotten in so many steps. */
const slicesPerWindow = 4;

/** Sequence numbers: `[from, upto, from, upto, …]`. */
type Ranges = readonly number[];

/** Row numbers count over all batches, ascending. */
export interface Judged {
  /** Events that had counted. */
  readonly duplicates: readonly number[];
  /** Records of a request that had been there. */
  readonly repeated: readonly number[];
  /** Records that count and came so late that a copy may have been forgotten. */
  readonly late: number;
}

/** More ranges than this are not told: a HEAD stays small. */
const toldMax = 64;

class Partition {
  clock = Number.NEGATIVE_INFINITY;
  #told: RequestRange[] | null = [];
  readonly #requests: Seen<Ranges>;
  readonly #replays = new Map<string, Ranges>();
  readonly ids: Seen<number> | null;

  constructor(number: number, windowMs: number | null, spill: Spill) {
    this.#requests = new Seen(requestHourMs, `r${number}`, spill);
    const sliceMs = windowMs === null ? 0 : Math.max(1, Math.ceil(windowMs / slicesPerWindow));
    this.ids = windowMs === null ? null : new Seen(sliceMs, `i${number}`, spill);
  }

  /** Log time's hour. */
  get hour(): number {
    return this.#requests.sliceOf(this.clock);
  }

  /** What counted of a request, as far as it is known at this log time. */
  counted(request: string): Ranges {
    if (request.startsWith(replayPrefix)) return this.#replays.get(request) ?? [];
    const found = this.#requests.all(request, this.clock - requestHours * requestHourMs);
    return found.length === 1 ? found[0]! : found.reduce(joined, []);
  }

  /** More that counted, at this log time. */
  count(request: string, more: Ranges, time: number): void {
    if (request.startsWith(replayPrefix)) this.#replays.set(request, joined(this.#replays.get(request) ?? [], more));
    else this.#requests.set(request, joined(this.#requests.all(request, time)[0] ?? [], more), time);
  }

  /** As `count`, and notes it for `tell`. */
  countAndTell(request: string, more: Ranges, time: number): void {
    this.count(request, more, time);
    for (let i = 0; i < more.length && this.#told; i += 2)
      this.#told = withRange(this.#told, { request, from: more[i]!, upto: more[i + 1]!, time });
  }

  /** What counted since it told last. */
  tell(partition: number): Told {
    const requests = this.#told;
    this.#told = [];
    return { partition, clock: this.clock, requests };
  }

  forget(): void {
    this.#requests.forgetBefore(this.clock - requestHours * requestHourMs);
  }
}

/** The rule over one stream's partitions, each read in offset order. */
export class Duplicates {
  readonly windowMs: number | null;
  readonly #spill: Spill;
  readonly #partitions = new Map<number, Partition>();

  /** @param windowMs the stream's duplicate window; null: only requests are looked at */
  constructor(windowMs: number | null, spill: Spill) {
    this.windowMs = windowMs;
    this.#spill = spill;
  }

  close(): Promise<void> {
    return this.#spill.close();
  }

  // What was before, in this order: the clock, then requests and ids by ascending time

  passTime(partition: number, clock: number): void {
    const state = this.#partition(partition);
    state.clock = Math.max(state.clock, clock);
  }

  rememberRequest(partition: number, request: string, from: number, upto: number, time: number): void {
    this.#partition(partition).count(request, [from, upto], time);
  }

  /**
   * What was told of a stretch, or of the end of one whose beginning is known.
   * @returns false where it says too little: its records have to be read then
   */
  rememberTold({ partition, clock, requests }: Told): boolean {
    if (!requests) return false;
    const state = this.#partition(partition);
    const hour = state.hour;
    for (const { request, from, upto, time } of requests) {
      // of an earlier hour than what is known already is the part that is known already
      if (request.startsWith(replayPrefix) || Math.floor(time / requestHourMs) >= hour)
        state.count(request, [from, upto], time);
    }
    state.clock = Math.max(state.clock, clock);
    return true;
  }

  /** What was judged since it told last. */
  tell(): Told[] {
    return [...this.#partitions]
      .map(([number, state]) => state.tell(number))
      .filter(({ clock }) => Number.isFinite(clock));
  }

  rememberId(partition: number, id: string, time: number): void {
    this.#partition(partition).ids?.set(id, time, time);
  }

  /**
   * Judges records and remembers them.
   * @param ids of each row over all batches, its event id; null where it has none or is a dead letter. Null where the stream has no window
   */
  judge(batches: readonly RecordBatch[], ids: readonly (string | null)[] | null): Judged {
    const [duplicates, repeated]: [number[], number[]] = [[], []];
    let late = 0;
    let row = 0;
    for (const batch of batches) {
      const state = this.#partition(batch.partition);
      if (batch.requests.length === 0 && ids === null) {
        state.clock = batch.timestamps.reduce((max, each) => Math.max(max, each), state.clock);
      } else {
        late += this.#judgeBatch(state, batch, ids, row, duplicates, repeated);
      }
      state.forget();
      if (this.windowMs !== null) state.ids!.forgetBefore(state.clock - this.windowMs);
      row += batch.count;
    }
    return { duplicates, repeated, late };
  }

  #judgeBatch(
    state: Partition,
    batch: RecordBatch,
    ids: readonly (string | null)[] | null,
    first: number,
    duplicates: number[],
    repeated: number[],
  ): number {
    const { requests, timestamps } = batch;
    const { windowMs } = this;
    let late = 0;
    let next = 0;
    let run: RunOfRequest | null = null;
    for (let i = 0; i < batch.count; i++) {
      const timestamp = timestamps[i]!;
      if (timestamp > state.clock) state.clock = timestamp;
      if (run && i >= run.end) run = run.leave();
      if (!run && next < requests.length && requests[next]!.index === i)
        run = new RunOfRequest(state, requests[next++]!);
      if (run?.isRepeated(i)) {
        repeated.push(first + i);
        continue;
      }
      const id = ids?.[first + i] ?? null;
      if (id === null || windowMs === null) continue;
      const before = state.ids!.get(id);
      if (before !== undefined && before >= state.clock - windowMs) {
        duplicates.push(first + i);
        continue;
      }
      state.ids!.set(id, state.clock, state.clock);
      if (timestamp < state.clock - windowMs) late++;
    }
    run?.leave();
    return late;
  }

  #partition(number: number): Partition {
    let found = this.#partitions.get(number);
    if (!found) {
      found = new Partition(number, this.windowMs, this.#spill);
      this.#partitions.set(number, found);
    }
    return found;
  }
}

/** The records of one run, judged one after the other: what counted of the request is looked up once an hour of log time. */
class RunOfRequest {
  readonly end: number;
  readonly #state: Partition;
  readonly #run: RequestRun;
  #hour: number;
  #time = 0;
  #known: Ranges;
  /** What counted here, not told to the partition yet. */
  #fresh: number[] = [];

  constructor(state: Partition, run: RequestRun) {
    this.end = run.index + run.count;
    this.#state = state;
    this.#run = run;
    this.#hour = state.hour;
    this.#known = state.counted(run.request);
  }

  isRepeated(index: number): boolean {
    const sequence = this.#run.sequence + index - this.#run.index;
    if (this.#state.hour !== this.#hour) {
      this.leave();
      this.#hour = this.#state.hour;
      this.#known = this.#state.counted(this.#run.request);
    }
    if (isIn(this.#known, sequence)) return true;
    this.#time = this.#state.clock;
    // the numbers of a run ascend by one
    if (this.#fresh.at(-1) === sequence) this.#fresh[this.#fresh.length - 1] = sequence + 1;
    else this.#fresh.push(sequence, sequence + 1);
    return false;
  }

  leave(): null {
    if (this.#fresh.length > 0) this.#state.countAndTell(this.#run.request, this.#fresh, this.#time);
    this.#fresh = [];
    return null;
  }
}

/** With one more range at the end; null where they are too many. */
function withRange(ranges: RequestRange[], range: RequestRange): RequestRange[] | null {
  const hourOf = ({ time }: RequestRange) => Math.floor(time / requestHourMs);
  const last = ranges.findLastIndex(({ request, upto }) => request === range.request && upto === range.from);
  if (last >= 0 && hourOf(ranges[last]!) === hourOf(range)) {
    // it goes to the end: its time is the latest
    ranges.push({ ...range, from: ranges.splice(last, 1)[0]!.from });
    return ranges;
  }
  if (ranges.length >= toldMax) return null;
  ranges.push(range);
  return ranges;
}

/** Of neighbouring stretches as of one. */
export function joinTold(stretches: readonly (readonly Told[])[]): Told[] {
  const joined = new Map<number, Told>();
  for (const { partition, clock, requests } of stretches.flat()) {
    const before = joined.get(partition);
    let all: RequestRange[] | null = before ? before.requests && [...before.requests] : [];
    if (!requests) all = null;
    else for (const range of requests) all = all && withRange(all, range);
    joined.set(partition, { partition, clock: Math.max(clock, before?.clock ?? clock), requests: all });
  }
  return [...joined.values()];
}

function isIn(ranges: Ranges, number: number): boolean {
  for (let i = ranges.length - 2; i >= 0; i -= 2) if (number >= ranges[i]!) return number < ranges[i + 1]!;
  return false;
}

/** All that is in either, joined where it touches. */
function joined(a: Ranges, b: Ranges): Ranges {
  // what nearly always is the case: more at the end
  if (a.length > 0 && b.length === 2 && a.at(-1) === b[0]) return [...a.slice(0, -1), b[1]!];
  const pairs: [number, number][] = [];
  for (const ranges of [a, b]) for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort((x, y) => x[0] - y[0]);
  const all: number[] = [];
  for (const [from, upto] of pairs) {
    const before = all.length - 1;
    if (before >= 0 && from <= all[before]!) all[before] = Math.max(all[before]!, upto);
    else all.push(from, upto);
  }
  return all;
}
