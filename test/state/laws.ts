/** What holds of every state at a log position, over random records, archives, deltas and cuts. */
import { archive } from "../../batch/archive.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { Records } from "../../shared/archive/records.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { LogRecord } from "../../shared/log/log.ts";
import { openState, type StateSource } from "../../shared/state/open.ts";
import type { CarriedState, State, StateKind } from "../../shared/state/state.ts";
import type { Entry } from "../../shared/store/layout.ts";
import { logStream } from "../../shared/store/origin.ts";
import { type Sent, World } from "../pipeline/world.ts";

export interface Subject<S extends State<C, R>, C extends CarriedState, R extends object> {
  readonly kind: StateKind<S, C, R>;
  readonly stream: StreamDefinition;
  readonly views: Readonly<Record<string, string>>;
  /** The next record, and how much later it is appended than the one before, ms. */
  readonly next: (int: (below: number) => number) => { readonly sent: Sent; readonly afterMs: number };
  /** All that can be seen of a state, as text. It may be used up. @param foldOn folds the log's other records */
  readonly observe: (state: S, foldOn: () => Promise<unknown>) => Promise<string>;
}

/** What one run came to. */
export interface LawRun {
  readonly positions: number;
  readonly differences: readonly string[];
}

/** One world of random records. @param random numbers in [0, 1) */
export async function checkLaws<S extends State<C, R>, C extends CarriedState, R extends object>(
  subject: Subject<S, C, R>,
  random: () => number,
): Promise<LawRun> {
  const world = await World.open({ stream: subject.stream, views: subject.views });
  try {
    return await new Laws(subject, world, random).run();
  } finally {
    await world.close();
  }
}

class Laws<S extends State<C, R>, C extends CarriedState, R extends object> {
  readonly #subject: Subject<S, C, R>;
  readonly #world: World;
  readonly #random: () => number;
  readonly #differences: string[] = [];
  #records: readonly LogRecord[] = [];
  #session!: Session;

  constructor(subject: Subject<S, C, R>, world: World, random: () => number) {
    this.#subject = subject;
    this.#world = world;
    this.#random = random;
  }

  async run(): Promise<LawRun> {
    const world = this.#world;
    await world.firstVersion();
    this.#session = await world.session();
    for (let n = 20 + this.#int(120); n > 0; n--) {
      const { sent, afterMs } = this.#subject.next((below) => this.#int(below));
      await world.append([sent]);
      world.now += afterMs;
    }
    const [end] = await world.log.end(logStream(world.stream));
    this.#records = await this.#readAll(end!);
    const archived = this.#random() < 0.2 ? 0 : this.#int(this.#random() < 0.5 ? end! / 4 : end! + 1);
    const source = this.#source();
    const entries = await this.#delta(source, end!);
    const { store, log, stream } = world;
    const archiver = { store, log, records: source.records, session: this.#session };
    const before = await Archive.read(store, { [stream.name]: { 0: 0 } });
    const upto = { [stream.name]: { 0: archived } };
    await archive({ ...archiver, recordsPerFile: 1 + this.#int(30) }, before, [stream], upto);
    if (archived > 0 && this.#random() < 0.5) await log.trim(logStream(stream), new Map([[0, archived]]));
    let positions = 0;
    const ends = entries.map(({ upto }) => upto[stream.name]![0]!);
    const between = () => ends[this.#int(ends.length - 1)]!;
    for (const at of new Set([between(), between(), archived, this.#int(end! + 1)])) {
      positions++;
      const expected = await this.#observe(await this.#folded(at, () => Number.POSITIVE_INFINITY), at);
      await this.#expect(`cut into batches, at ${at}`, expected, () => this.#folded(at, () => 1 + this.#int(30)), at);
      await this.#expect(`opened at ${at}, archived to ${archived}`, expected, () => this.#opened(at, []), at);
      const chain = entries.filter(({ upto }) => upto[stream.name]![0]! <= at);
      const reached = chain.at(-1)?.upto[stream.name]?.[0] ?? 0;
      if (reached !== at) continue;
      await this.#expect(`passed over entries to ${at}`, expected, () => this.#opened(at, chain), at);
      // a delta may begin beyond where the archive ends
      for (let round = 0; round < 3; round++) {
        const later = chain.slice(this.#int(chain.length));
        await this.#expect(`passed over later entries to ${at}`, expected, () => this.#opened(at, later), at);
      }
    }
    return { positions, differences: this.#differences };
  }

  async #expect(what: string, expected: string, make: () => Promise<S>, at: number): Promise<void> {
    const found = await this.#observe(await make(), at);
    if (found !== expected) this.#differences.push(`${what}: ${found} instead of ${expected}`);
  }

  async #observe(state: S, at: number): Promise<string> {
    // what it was folded from is not part of it
    state.carry();
    const text = await this.#subject.observe(state, () => this.#fold(state, at, Number.POSITIVE_INFINITY));
    await state.close();
    return text;
  }

  /** From the origin, in stretches of this many records. */
  async #folded(upto: number, next: () => number): Promise<S> {
    const state = this.#subject.kind.empty(this.#world.stream, this.#world.store.scratch("law"));
    for (let from = 0; from < upto; ) {
      const end = Math.min(upto, from + next());
      await this.#fold(state, from, end);
      from = end;
    }
    return state;
  }

  /** @returns what folding came to */
  async #fold(state: S, from: number, upto: number): Promise<unknown> {
    const own = this.#records.slice(from, upto);
    if (own.length === 0) return null;
    const batches = [new ArrayBatch(0, from, from + own.length, own)];
    const decoded = this.#subject.kind.needsRows(this.#world.stream)
      ? await new Decoder(this.#session, this.#world.stream).decode(batches)
      : null;
    const found = await state.fold(batches, decoded);
    await decoded?.close();
    return found;
  }

  #opened(offset: number, entries: readonly Entry[]): Promise<S> {
    return openState(this.#subject.kind, this.#source(), [{ partition: 0, offset }], entries);
  }

  #source(): StateSource {
    const { store, log, stream } = this.#world;
    return { records: new Records(store, log, { [stream.name]: { 0: 0 } }), session: this.#session, stream };
  }

  /** The entries of a delta from the origin on, some of them joined. */
  async #delta(source: StateSource, end: number): Promise<Entry[]> {
    const { kind } = this.#subject;
    const { name } = this.#world.stream;
    const entries: Entry[] = [];
    let state = await openState(kind, source, [{ partition: 0, offset: 0 }]);
    for (let from = 0; from < end; ) {
      const upto = Math.min(end, from + 1 + this.#int(20));
      await this.#fold(state, from, upto);
      entries.push(entryOf(name, from, upto, { [kind.name]: { [name]: state.carry() } }));
      from = upto;
      if (this.#random() < 0.2) {
        await state.close();
        state = await openState(kind, source, [{ partition: 0, offset: from }], entries);
        state.carry();
      }
      if (this.#random() < 0.3 && entries.length > 2) {
        const run = entries.splice(-2);
        const carried = run.map(({ states }) => states![kind.name]![name] as readonly C[]);
        const [first, last] = [run[0]!.from[name]![0]!, run[1]!.upto[name]![0]!];
        entries.push(entryOf(name, first, last, { [kind.name]: { [name]: kind.join(carried) } }));
      }
    }
    await state.close();
    return entries;
  }

  async #readAll(end: number): Promise<LogRecord[]> {
    const reader = await this.#world.log.read(logStream(this.#world.stream), new Map([[0, 0]]));
    const records: LogRecord[] = [];
    while (records.length < end) for (const batch of await reader.next(1 << 20, 1000)) records.push(...batch.records());
    await reader.close();
    return records;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}

function entryOf(stream: string, from: number, upto: number, states: Entry["states"]): Entry {
  return { from: { [stream]: { 0: from } }, upto: { [stream]: { 0: upto } }, states } as unknown as Entry;
}
