/** What one partition remembers: its log time, and what counted of its requests and ids. */
import type { RequestRange } from "../store/layout.ts";
import { type Clock, LogTime } from "./log-time.ts";
import { type ChainEnd, RecordChain } from "./record-chain.ts";
import { SeenKeys } from "./seen.ts";
import type { Spill } from "./spill.ts";

/** How long a request is known, by the full hour. */
const requestHours = 24;
export const requestHourMs = 60 * 60 * 1000;
/** No request is known for longer. */
export const requestWindowMs = (requestHours + 1) * requestHourMs;
/** Requests of replayed dead letters, `dl:<stream>/<partition>/<offset>`, are known for good. */
export const replayPrefix = "dl:";
/** A duplicate window is forgotten in this many steps. */
const slicesPerWindow = 4;
/** More ranges than this are not carried: a HEAD stays small. */
const carriedMax = 64;

/** Sequence numbers: `[from, upto, from, upto, …]`. */
export type Ranges = readonly number[];

/** What a stretch of a partition leaves behind for those who go on at its end, without reading it again. */
export interface CarriedRequests {
  readonly partition: number;
  /** Log time at its end. */
  readonly clock: Clock;
  /** What counted in it of each request, by the hour, ascending; null where that is much. */
  readonly requests: readonly RequestRange[] | null;
  /** Of a changelog, its chain at the end; null: not known. Left out: it is none. */
  readonly chain?: ChainEnd | null;
}

export class Partition {
  readonly logTime = new LogTime();
  readonly chain = new RecordChain();
  /** Changes with log time's hour, and when a jump begins or ends. */
  turn = 0;
  #hour = 0;
  #carried: RequestRange[] | null = [];
  readonly #requests: SeenKeys<Ranges>;
  readonly #replays = new Map<string, Ranges>();
  readonly #ids: SeenKeys<number> | null;
  /**
   * What counted in a jump that nothing has confirmed yet: known to all that comes meanwhile, and where in log
   * time it lies is known then.
   */
  readonly #ahead = { ids: new Set<string>(), requests: new Map<string, Ranges>() };

  constructor(number: number, windowMs: number | null, spill: Spill) {
    this.#requests = new SeenKeys(requestHourMs, `r${number}`, spill);
    const sliceMs = windowMs === null ? 0 : Math.max(1, Math.ceil(windowMs / slicesPerWindow));
    this.#ids = windowMs === null ? null : new SeenKeys(sliceMs, `i${number}`, spill);
  }

  /** True where the record that passed last is in a jump that nothing has confirmed. */
  get isAhead(): boolean {
    return this.logTime.strange === "ahead";
  }

  /** The next record; what is asked after this is about it. */
  pass(stamp: number): void {
    const { logTime } = this;
    const before = logTime.strange;
    logTime.pass(stamp);
    if (logTime.settled) this.#settle();
    const hour = Math.floor(logTime.time / requestHourMs);
    if (hour !== this.#hour || logTime.settled || (before === "ahead") !== this.isAhead) this.turn++;
    this.#hour = hour;
  }

  #settle(): void {
    const { ids, requests } = this.#ahead;
    const time = this.logTime.settledAt;
    for (const [request, ranges] of requests) this.countAndNote(request, ranges, time, false);
    for (const id of ids) this.#ids!.set(id, time, time);
    requests.clear();
    ids.clear();
  }

  isKnown(id: string, windowMs: number): boolean {
    if (this.#ahead.ids.has(id)) return true;
    const before = this.#ids!.get(id);
    return before !== undefined && before >= this.logTime.at - windowMs;
  }

  setId(id: string): void {
    if (this.isAhead) this.#ahead.ids.add(id);
    else this.setIdAt(id, this.logTime.time);
  }

  setIdAt(id: string, time: number): void {
    this.#ids?.set(id, time, time);
  }

  /** What counted of a request, as far as it is known at this log time. */
  counted(request: string): Ranges {
    if (request.startsWith(replayPrefix)) return this.#replays.get(request) ?? [];
    const found = this.#requests.all(request, this.logTime.time - requestHours * requestHourMs);
    const known = found.length === 1 ? found[0]! : found.reduce(joined, []);
    const ahead = this.#ahead.requests.get(request);
    return ahead ? joined(known, ahead) : known;
  }

  /** More that counted, of the record that passed last. */
  count(request: string, more: Ranges): void {
    if (!this.isAhead || request.startsWith(replayPrefix)) this.countAt(request, more, this.logTime.time);
    else this.#ahead.requests.set(request, joined(this.#ahead.requests.get(request) ?? [], more));
  }

  /** Goes on from there: what was open is known from elsewhere. */
  setClock(clock: Clock): void {
    this.logTime.set(clock);
    this.#ahead.ids.clear();
    this.#ahead.requests.clear();
  }

  countAt(request: string, more: Ranges, time: number): void {
    if (request.startsWith(replayPrefix)) this.#replays.set(request, joined(this.#replays.get(request) ?? [], more));
    else this.#requests.set(request, joined(this.#requests.all(request, time)[0] ?? [], more), time);
  }

  /** More that counted at a log time, or in a jump that nothing has confirmed; and notes it for `carry`. */
  countAndNote(request: string, more: Ranges, time: number, isAhead: boolean): void {
    if (isAhead && !request.startsWith(replayPrefix)) {
      this.#ahead.requests.set(request, joined(this.#ahead.requests.get(request) ?? [], more));
      return;
    }
    this.countAt(request, more, time);
    for (let i = 0; i < more.length && this.#carried; i += 2)
      this.#carried = withRange(this.#carried, { request, from: more[i]!, upto: more[i + 1]!, time });
  }

  /** What counted since this was asked last; where in log time a part of it lies may not be known yet. */
  carry(partition: number): CarriedRequests {
    const requests = this.#ahead.requests.size > 0 ? null : this.#carried;
    this.#carried = [];
    return { partition, clock: this.logTime.clock, requests };
  }

  forget(windowMs: number | null): void {
    const { time } = this.logTime;
    this.#requests.forgetBefore(time - requestHours * requestHourMs);
    if (windowMs !== null) this.#ids!.forgetBefore(time - windowMs);
  }
}

/** With one more range at the end; null where they are too many. */
export function withRange(ranges: RequestRange[], range: RequestRange): RequestRange[] | null {
  const hourOf = ({ time }: RequestRange) => Math.floor(time / requestHourMs);
  const last = ranges.findLastIndex(({ request, upto }) => request === range.request && upto === range.from);
  if (last >= 0 && hourOf(ranges[last]!) === hourOf(range)) {
    // it goes to the end: its time is the latest
    ranges.push({ ...range, from: ranges.splice(last, 1)[0]!.from });
    return ranges;
  }
  if (ranges.length >= carriedMax) return null;
  ranges.push(range);
  return ranges;
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
