/**
 * Duplicate suppression: which records count is decided by the log alone, so that archive, speed, rebuild and
 * any replay agree.
 *
 * In offset order, and in log time (see log-time.ts), a record is a duplicate
 * - of its request, if a record of the same request and sequence number counted before it in its partition, in
 *   the last 24 hours of log time by the full hour (a replayed dead letter: at any time);
 * - of its event, if it is valid, its stream has a duplicate window, and the last record with its id that
 *   counted in its partition lies within that window of log time. A dead letter suppresses no event.
 *
 * Of a changelog only those count that go on after the last one that counted, at any time: see chain.ts.
 */
import type { RecordBatch, RequestRun } from "../log/log.ts";
import type { RequestRange } from "../store/layout.ts";
import type { Clock } from "./log-time.ts";
import { type CarriedRequests, Partition, type Ranges, replayPrefix, requestHourMs, withRange } from "./partition.ts";
import type { ChainEnd } from "./record-chain.ts";
import type { Spill } from "./spill.ts";

/** More strange timestamps than these are not noted at a time. */
const notedMax = 100;

/** A record whose timestamp lies more than a day ahead of those before it, or is invalid. */
export interface StrangeStamp {
  readonly partition: number;
  readonly offset: number;
  /** ms; null: out of range. */
  readonly stamp: number | null;
  /** Log time before it, ms; 0: none yet. */
  readonly before: number;
}

/** Row numbers count over all batches, ascending. */
export interface SuppressedRows {
  /** Events that had counted. */
  readonly duplicates: readonly number[];
  /** Records of a request that had been there. */
  readonly repeated: readonly number[];
  /** Records of a changelog that do not go on after the last one that counted. */
  readonly fenced: readonly number[];
  /**
   * Records that are not suppressed and came so late that a copy may have been forgotten, or whose own time is
   * not known for sure.
   */
  readonly late: number;
}

/** The rule over one stream's partitions, each read in offset order. */
export class Duplicates {
  readonly windowMs: number | null;
  readonly #spill: Spill;
  readonly #chained: boolean;
  readonly #partitions = new Map<number, Partition>();
  #noted: StrangeStamp[] = [];

  /**
   * @param windowMs the stream's duplicate window; null: only repeated requests are suppressed
   * @param chained the stream is a changelog
   */
  constructor(windowMs: number | null, spill: Spill, chained = false) {
    this.windowMs = windowMs;
    this.#spill = spill;
    this.#chained = chained;
  }

  close(): Promise<void> {
    return this.#spill.close();
  }

  // What was before, in offset order; where that is not at hand record by record: the clock, then requests and
  // ids by ascending time

  setClock(partition: number, clock: Clock): void {
    this.#partition(partition).setClock(clock);
  }

  clockOf(partition: number): Clock {
    return this.#partition(partition).logTime.clock;
  }

  /** From here on, what `isSteady` speaks of. */
  startStretch(partition: number): void {
    this.#partition(partition).logTime.restart();
  }

  /** True where log time was the running maximum of timestamps since `startStretch`, and no jump was left open. */
  isSteady(partition: number): boolean {
    return this.#partition(partition).logTime.steady;
  }

  /**
   * A record whose fate is known.
   * @param id under which it counted; null: it has none, or did not count
   * @param request under which it counted, as its record `sequence`
   */
  rememberRecord(partition: number, stamp: number, id: string | null, request: string | null, sequence: number): void {
    const state = this.#partition(partition);
    state.pass(stamp);
    if (request !== null && this.#chained) state.chain.take(request, sequence);
    else if (request !== null) state.count(request, [sequence, sequence + 1]);
    if (id !== null) state.setId(id);
  }

  /** @param end null: it is not known */
  setChain(partition: number, end: ChainEnd | null): void {
    this.#partition(partition).chain.end = end;
  }

  /** Undefined where the stream is no changelog. */
  chainOf(partition: number): ChainEnd | null | undefined {
    return this.#chained ? this.#partition(partition).chain.end : undefined;
  }

  rememberRequest(partition: number, request: string, from: number, upto: number, time: number): void {
    this.#partition(partition).countAt(request, [from, upto], time);
  }

  /**
   * Goes over a stretch, or over the end of one whose beginning is known.
   * @returns false where too little of it was carried: its records have to be read then
   */
  pass({ partition, clock, requests, chain }: CarriedRequests): boolean {
    if (!requests || (this.#chained && chain === undefined)) return false;
    const state = this.#partition(partition);
    if (chain !== undefined) state.chain.end = chain;
    const hour = Math.floor(state.logTime.time / requestHourMs);
    for (const { request, from, upto, time } of requests) {
      // ranges of hours before the log time of this state are in it already
      if (request.startsWith(replayPrefix) || Math.floor(time / requestHourMs) >= hour)
        state.countAt(request, [from, upto], time);
    }
    state.setClock(clock);
    return true;
  }

  /** What was judged since this was asked last. */
  carry(): CarriedRequests[] {
    return [...this.#partitions]
      .map(([number, state]) => ({ ...state.carry(number), ...(this.#chained ? { chain: state.chain.end } : {}) }))
      .filter(({ clock }) => clock.stamp > 0);
  }

  /** What was strange about timestamps since it was asked last. */
  strangeStamps(): readonly StrangeStamp[] {
    const noted = this.#noted;
    this.#noted = [];
    return noted;
  }

  rememberId(partition: number, id: string, time: number): void {
    this.#partition(partition).setIdAt(id, time);
  }

  /**
   * Judges records and remembers them.
   * @param ids of each row over all batches, its event id; null where it has none or is a dead letter. Null
   *   where the stream has no window
   */
  judge(batches: readonly RecordBatch[], ids: readonly (string | null)[] | null): SuppressedRows {
    const [duplicates, repeated, fenced]: [number[], number[], number[]] = [[], [], []];
    let late = 0;
    let row = 0;
    for (const batch of batches) {
      const state = this.#partition(batch.partition);
      if (this.#chained) {
        late += this.#judgeChained(state, batch, row, repeated, fenced);
      } else if (batch.requests.length === 0 && ids === null) {
        for (let i = 0; i < batch.count; i++) {
          state.pass(batch.timestamps[i]!);
          if (state.logTime.strange) late += this.#noteStrange(state, batch, i);
        }
      } else {
        late += this.#judgeBatch(state, batch, ids, row, duplicates, repeated);
      }
      state.forget(this.windowMs);
      row += batch.count;
    }
    return { duplicates, repeated, fenced, late };
  }

  #judgeChained(state: Partition, batch: RecordBatch, first: number, repeated: number[], fenced: number[]): number {
    const { requests, timestamps } = batch;
    let [late, next] = [0, 0];
    for (let i = 0; i < batch.count; i++) {
      while (next < requests.length && requests[next]!.index + requests[next]!.count <= i) next++;
      const run = requests[next];
      state.pass(timestamps[i]!);
      if (state.logTime.strange) late += this.#noteStrange(state, batch, i);
      const verdict =
        run && run.index <= i ? state.chain.take(run.request, run.sequence + i - run.index) : ("fenced" as const);
      if (verdict === "repeated") repeated.push(first + i);
      else if (verdict === "fenced") fenced.push(first + i);
    }
    return late;
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
      // what an open jump holds is settled by the next record
      if (run && (i >= run.end || state.logTime.jump !== 0)) run = run.leave(i);
      state.pass(timestamps[i]!);
      if (!run && next < requests.length && requests[next]!.index === i)
        run = new RunOfRequest(state, requests[next++]!);
      if (run?.isRepeated(i)) {
        repeated.push(first + i);
        if (state.logTime.strange) this.#noteStrange(state, batch, i);
        continue;
      }
      const id = ids?.[first + i] ?? null;
      if (id !== null && windowMs !== null) {
        if (state.isKnown(id, windowMs)) {
          duplicates.push(first + i);
          if (state.logTime.strange) this.#noteStrange(state, batch, i);
          continue;
        }
        state.setId(id);
        if (timestamps[i]! < state.logTime.stamp - windowMs && !state.logTime.strange) late++;
      }
      if (state.logTime.strange) late += this.#noteStrange(state, batch, i);
    }
    run?.leave(batch.count);
    return late;
  }

  /** @returns 1 */
  #noteStrange({ logTime }: Partition, batch: RecordBatch, index: number): 1 {
    const stamp = logTime.strange === "none" ? null : batch.timestamps[index]!;
    if (this.#noted.length < notedMax)
      this.#noted.push({ partition: batch.partition, offset: batch.offsets[index]!, stamp, before: logTime.stamp });
    return 1;
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

/**
 * The records of one run, judged one after the other: what counted of the request is read when log time's
 * hour changes, or a jump comes or goes.
 */
class RunOfRequest {
  readonly end: number;
  readonly #state: Partition;
  readonly #run: RequestRun;
  #turn = -1;
  #time = 0;
  #ahead = false;
  #known: Ranges = [];
  /** What counted here, not noted in the partition yet. */
  #fresh: number[] = [];

  constructor(state: Partition, run: RequestRun) {
    this.end = run.index + run.count;
    this.#state = state;
    this.#run = run;
  }

  isRepeated(index: number): boolean {
    const sequence = this.#run.sequence + index - this.#run.index;
    const { logTime, turn, isAhead } = this.#state;
    if (turn !== this.#turn) {
      this.#note();
      this.#turn = turn;
      this.#known = this.#state.counted(this.#run.request);
    }
    if (isIn(this.#known, sequence)) return true;
    this.#time = logTime.time;
    this.#ahead = isAhead;
    // the numbers of a run ascend by one
    if (this.#fresh.at(-1) === sequence) this.#fresh[this.#fresh.length - 1] = sequence + 1;
    else this.#fresh.push(sequence, sequence + 1);
    return false;
  }

  /** Notes in the partition what has counted so far. @returns itself while there are more records of it */
  leave(index: number): RunOfRequest | null {
    this.#note();
    this.#turn = -1;
    return index < this.end ? this : null;
  }

  #note(): void {
    if (this.#fresh.length > 0) this.#state.countAndNote(this.#run.request, this.#fresh, this.#time, this.#ahead);
    this.#fresh = [];
  }
}

/** Of neighbouring stretches as of one. */
export function joinCarried(stretches: readonly (readonly CarriedRequests[])[]): CarriedRequests[] {
  const joined = new Map<number, CarriedRequests>();
  for (const { partition, clock, requests, chain } of stretches.flat()) {
    const before = joined.get(partition);
    let all: RequestRange[] | null = before ? before.requests && [...before.requests] : [];
    if (!requests) all = null;
    else for (const range of requests) all = all && withRange(all, range);
    joined.set(partition, { partition, clock, requests: all, ...(chain === undefined ? {} : { chain }) });
  }
  return [...joined.values()];
}

function isIn(ranges: Ranges, number: number): boolean {
  for (let i = ranges.length - 2; i >= 0; i -= 2) if (number >= ranges[i]!) return number < ranges[i + 1]!;
  return false;
}
