/**
 * Positions as texts that fit anywhere. A position of many partitions is longer than a header may be; its short
 * text is the hash of the long one, which lies under that name in the store: any replica and any command can
 * read it there.
 */
import { createHash } from "node:crypto";
import { TidemarkError } from "../errors.ts";
import { formatPosition, furthest, type Position, parsePosition } from "../position.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";

/** A text of at most this many characters is the long one. nginx takes 4 KB for all of an answer's headers. */
export const readableMax = 1024;
/** Short texts are kept for this long after they were last handed out, and at most this many bytes of them. */
const keptMs = 24 * 60 * 60 * 1000;
const keptBytesMax = 1 << 30;
/** A text that is still handed out is written again after this long, so that it is not cleaned. */
const againMs = 60 * 60 * 1000;
/** Old texts are cleaned once per this many written. */
const sweepEvery = 1000;
/** Read ones that are remembered, in characters. */
const rememberedMax = 4 << 20;

const short = /^~[A-Za-z0-9_-]{22}$/;
const isShort = (part: string) => part.startsWith("~");

interface ShortText {
  readonly text: Promise<string>;
  readonly at: number;
}

export class PositionTexts {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #say: (line: string) => void;
  readonly #shortTexts = new WeakMap<Position, ShortText>();
  readonly #read = new Map<string, string>();
  #remembered = 0;
  #kept = 0;
  #complaint = "";

  constructor(store: Store, now: () => number, say: (line: string) => void) {
    this.#store = store;
    this.#now = now;
    this.#say = say;
  }

  /**
   * The position's own text where that is short, else the short one. Where that can't be kept it is the long
   * one after all.
   */
  async textOf(position: Position): Promise<string> {
    const long = formatPosition(position);
    if (long.length <= readableMax) return long;
    const known = this.#shortTexts.get(position);
    if (known && this.#now() - known.at < againMs) return known.text;
    const text = this.#keep(long);
    this.#shortTexts.set(position, { text, at: this.#now() });
    return text;
  }

  /**
   * Reads any text: long, short, or several joined by `;`, of which it is the furthest.
   * @param origin the offsets of partitions that it leaves out
   * @throws USAGE where it is malformed; POSITION_GONE where a short text is not (or no longer) known
   */
  async read(text: string, origin: Position): Promise<Position> {
    const parts = text.split(";");
    const shorts = parts.filter(isShort);
    let found = parsePosition(parts.filter((part) => !isShort(part)).join(";"), origin);
    for (const each of new Set(shorts)) found = furthest(found, parsePosition(await this.#long(each), origin));
    return found;
  }

  /** The same text, with what is short in it in full. @throws as `read` */
  async longOf(text: string): Promise<string> {
    const parts = text.split(";").map((part) => (isShort(part) ? this.#long(part) : part));
    return (await Promise.all(parts)).join(";");
  }

  async #keep(long: string): Promise<string> {
    const text = shortOf(long);
    try {
      // the text is a function of the position: all writers write the same
      await this.#store.replace(layout.positionText(text), long);
      this.#complaint = "";
    } catch (error) {
      const complaint = `short positions can't be kept: ${(error as Error).message}`;
      if (this.#complaint === "") this.#say(complaint);
      this.#complaint = complaint;
      return long;
    }
    if (++this.#kept % sweepEvery === 0) void cleanPositionTexts(this.#store).catch(() => undefined);
    return text;
  }

  async #long(text: string): Promise<string> {
    if (!short.test(text)) {
      throw new TidemarkError(
        "USAGE",
        `"${text.slice(0, 60)}" is not a short position`,
        "send it as it was received: ~ and 22 characters",
      );
    }
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const long = (await this.#store.read(layout.positionText(text)))?.toString();
    // a file that a crash has torn counts as missing
    if (long === undefined || shortOf(long) !== text) {
      throw new TidemarkError(
        "POSITION_GONE",
        `the position ${text} is not known, or no longer`,
        "short positions are kept for a day: ask without a position, or with the long one",
      );
    }
    this.#remembered += long.length;
    this.#read.set(text, long);
    for (const [oldest, { length }] of this.#read) {
      if (this.#remembered <= rememberedMax) break;
      this.#read.delete(oldest);
      this.#remembered -= length;
    }
    return long;
  }
}

/** Removes what is too old, and the oldest of what is too much. @returns the names that it removed */
export async function cleanPositionTexts(store: Store, bytesMax = keptBytesMax): Promise<string[]> {
  const found: { readonly name: string; readonly ageMs: number; readonly bytes: number }[] = [];
  for (const text of await store.list(layout.positionTexts)) {
    const name = `${layout.positionTexts}/${text}`;
    found.push({ name, ageMs: await store.ageMs(name), bytes: await store.bytesOf(name) });
  }
  const removed: string[] = [];
  let bytes = 0;
  for (const each of found.sort((a, b) => a.ageMs - b.ageMs)) {
    bytes += each.bytes;
    if (each.ageMs <= keptMs && bytes <= bytesMax) continue;
    await store.remove(each.name);
    removed.push(each.name);
  }
  return removed;
}

function shortOf(long: string): string {
  return `~${createHash("sha256").update(long).digest("base64url").slice(0, 22)}`;
}
