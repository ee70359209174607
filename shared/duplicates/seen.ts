/**
 * What was seen under a key, by slices of log time that are forgotten as a whole: the newest in memory, the
 * rest in a file.
 */
import { createHash } from "node:crypto";
import type { Holder, Spill } from "./spill.ts";

/** LMDB takes keys up to 1978 bytes; longer ones are known by their hash. */
const keyLengthMax = 300;

/** What a key takes beside its text, about: its entry, and its value. */
export const entryBytes = 120;

interface Slice<V> {
  readonly number: number;
  readonly kept: Map<string, V>;
  /** Of what is kept. */
  bytes: number;
  spilled: boolean;
}

export class SeenKeys<V> implements Holder {
  readonly #sliceMs: number;
  readonly #name: string;
  readonly #spill: Spill;
  /** Ascending. */
  #slices: Slice<V>[] = [];

  /** @param name of its own within the spill */
  constructor(sliceMs: number, name: string, spill: Spill) {
    this.#sliceMs = sliceMs;
    this.#name = name;
    this.#spill = spill;
    spill.join(this);
  }

  /** What was set last, if that is not forgotten. */
  get(long: string): V | undefined {
    const key = short(long);
    for (let i = this.#slices.length - 1; i >= 0; i--) {
      const found = this.#in(this.#slices[i]!, key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What was set last in each slice from the one of this log time on. */
  all(long: string, from: number): V[] {
    const key = short(long);
    const first = this.sliceOf(from);
    const found: V[] = [];
    for (const slice of this.#slices) {
      const value = slice.number >= first ? this.#in(slice, key) : undefined;
      if (value !== undefined) found.push(value);
    }
    return found;
  }

  sliceOf(time: number): number {
    return Math.floor(time / this.#sliceMs);
  }

  #in(slice: Slice<V>, key: string): V | undefined {
    return slice.kept.get(key) ?? (slice.spilled ? this.#spill.get<V>(this.#prefix(slice), key) : undefined);
  }

  /** @param time log time, ms; never less than at any call before */
  set(long: string, value: V, time: number): void {
    const number = this.sliceOf(time);
    let slice = this.#slices.at(-1);
    if (!slice || slice.number < number) {
      slice = { number, kept: new Map(), bytes: 0, spilled: false };
      this.#slices.push(slice);
    }
    const before = slice.kept.size;
    const key = short(long);
    slice.kept.set(key, value);
    if (slice.kept.size === before) return;
    const bytes = entryBytes + key.length;
    slice.bytes += bytes;
    this.#spill.count(bytes);
  }

  /** What was set before this log time is not asked for any more. */
  forgetBefore(time: number): void {
    const number = this.sliceOf(time);
    for (let first = this.#slices[0]; first && first.number < number; first = this.#slices[0]) {
      this.#slices.shift();
      this.#spill.count(-first.bytes);
      if (first.spilled) this.#spill.forget(this.#prefix(first));
    }
    this.#spill.forget(null);
  }

  get largest(): number {
    return this.#slices.reduce((most, slice) => Math.max(most, slice.bytes), 0);
  }

  spill(): void {
    const slice = this.#slices.reduce((most, each) => (each.bytes > most.bytes ? each : most));
    this.#spill.put(this.#prefix(slice), slice.kept);
    this.#spill.count(-slice.bytes);
    slice.kept.clear();
    slice.bytes = 0;
    slice.spilled = true;
  }

  #prefix(slice: Slice<V>): string {
    return `${this.#name}/${slice.number}/`;
  }
}

function short(key: string): string {
  if (key.length <= keyLengthMax) return key;
  return `${key.slice(0, 20)}…${createHash("sha256").update(key).digest("base64")}`;
}
