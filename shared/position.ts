/**
 * The one owner of positions. A position is the *next* offset of every partition it speaks of (half-open,
 * exclusive upper bound). Positions are compared, never subtracted: offsets have gaps. A position may speak of
 * all partitions or of one shard's.
 */
import { TidemarkError } from "./errors.ts";

export type Position = { readonly [stream: string]: { readonly [partition: string]: number } };

/** One partition's place in a position. */
export interface Place {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
}

/** Offsets `[from, upto)` of one partition. */
export interface Range {
  readonly stream: string;
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
}

/** All places, ordered by stream and partition. */
export function places(position: Position): Place[] {
  const found: Place[] = [];
  for (const stream of Object.keys(position).sort()) {
    for (const [partition, offset] of Object.entries(position[stream]!)) {
      found.push({ stream, partition: Number(partition), offset });
    }
  }
  return found.sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.partition - b.partition));
}

/** A position from places; the last one of a partition wins. */
export function positionOf(from: Iterable<Place>): Position {
  const streams = new Map<string, Map<number, number>>();
  for (const { stream, partition, offset } of from) {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`not an offset: ${offset}`);
    streams.set(stream, (streams.get(stream) ?? new Map<number, number>()).set(partition, offset));
  }
  // fromEntries, unlike an assignment, also makes an own property of a stream called __proto__
  return Object.fromEntries([...streams].map(([stream, offsets]) => [stream, Object.fromEntries(offsets)]));
}

/** The offset of one partition, or undefined where the position does not speak of it. */
export function offsetAt(position: Position, stream: string, partition: number): number | undefined {
  const offsets = Object.hasOwn(position, stream) ? position[stream] : undefined;
  return offsets && Object.hasOwn(offsets, partition) ? offsets[partition] : undefined;
}

/**
 * True when `a` has every stream of `b` and is at or beyond it there; a partition that it leaves out was added
 * later and is at 0.
 */
export function covers(a: Position, b: Position): boolean {
  if (a === b) return true;
  // asked for every answer: without a list in between
  for (const stream of Object.keys(b)) {
    const [mine, offsets] = [Object.hasOwn(a, stream) ? a[stream] : undefined, b[stream]!];
    for (const partition of Object.keys(offsets)) {
      const offset = mine ? (Object.hasOwn(mine, partition) ? mine[partition]! : 0) : -1;
      if (offset < offsets[partition]!) return false;
    }
  }
  return true;
}

/**
 * True where an answer at `newer` may follow one at `older`: it goes back in no stream that both have. Versions
 * may have different streams, since a stream may leave the project, or join it. A partition that was added later
 * is at 0 before.
 */
export function follows(newer: Position, older: Position): boolean {
  if (newer === older) return true;
  for (const stream of Object.keys(older)) {
    if (!Object.hasOwn(newer, stream)) continue;
    const [mine, offsets] = [newer[stream]!, older[stream]!];
    for (const partition of Object.keys(offsets)) {
      const offset = Object.hasOwn(mine, partition) ? mine[partition]! : 0;
      if (offset < offsets[partition]!) return false;
    }
  }
  return true;
}

/** True when both are at the same offsets; a partition that one leaves out is at 0. */
export function equals(a: Position, b: Position): boolean {
  return covers(a, b) && covers(b, a);
}

/** Both positions together, the further one in every partition (the least position that covers both). */
export function furthest(a: Position, b: Position): Position {
  return merge(a, b, Math.max);
}

/** Both positions together, the nearer one in every partition. */
export function nearest(a: Position, b: Position): Position {
  return merge(a, b, Math.min);
}

function merge(a: Position, b: Position, choose: (x: number, y: number) => number): Position {
  const all = new Map(places(a).map((place) => [`${place.partition}@${place.stream}`, place]));
  for (const place of places(b)) {
    const id = `${place.partition}@${place.stream}`;
    const other = all.get(id);
    all.set(id, other ? { ...place, offset: choose(place.offset, other.offset) } : place);
  }
  return positionOf(all.values());
}

/** The part of a position that shard `shard` of `shards` owns: partitions p with p mod shards = shard. */
export function ofShard(position: Position, shard: number, shards: number): Position {
  return positionOf(places(position).filter((place) => place.partition % shards === shard));
}

/** The part of a position that speaks of these streams. */
export function ofStreams(position: Position, streams: readonly string[]): Position {
  return positionOf(places(position).filter((place) => streams.includes(place.stream)));
}

/** An origin with the partitions that were added since, as far as a position speaks of them: they begin at 0. */
export function withAdded(origin: Position, position: Position): Position {
  const added = places(ofStreams(position, Object.keys(origin))).map((place) => ({ ...place, offset: 0 }));
  return positionOf([...added, ...places(origin)]);
}

/**
 * What lies between two positions, empty ranges left out. A partition that `from` leaves out was added later,
 * and begins at 0.
 * @throws RangeError when `upto` is before `from` anywhere: an interval that goes back is a bug, never an
 *   empty one
 */
export function rangesBetween(from: Position, upto: Position): Range[] {
  const ranges: Range[] = [];
  for (const { stream, partition, offset } of places(upto)) {
    const start = offsetAt(from, stream, partition) ?? 0;
    if (start > offset) {
      throw new RangeError(`no interval from ${formatPosition(from)} to ${formatPosition(upto)}`);
    }
    if (start < offset) ranges.push({ stream, partition, from: start, upto: offset });
  }
  if (!covers(upto, from)) {
    throw new RangeError(`no interval from ${formatPosition(from)} to ${formatPosition(upto)}`);
  }
  return ranges;
}

/** Positions never change, and each answer names the same few. */
const texts = new WeakMap<Position, string>();

/** The public text: `flights@0:1200,1:1180;other@0:5`. */
export function formatPosition(position: Position): string {
  const known = texts.get(position);
  if (known !== undefined) return known;
  const streams = new Map<string, string[]>();
  for (const { stream, partition, offset } of places(position)) {
    const list = streams.get(stream) ?? [];
    list.push(`${partition}:${offset}`);
    streams.set(stream, list);
  }
  const text = [...streams].map(([stream, list]) => `${stream}@${list.join(",")}`).join(";");
  texts.set(position, text);
  return text;
}

/** The streams that a position's text names and the origin does not have. */
export function strangeStreams(text: string, origin: Position): string[] {
  const named = text.split(";").map((part) => part.slice(0, Math.max(0, part.lastIndexOf("@"))));
  return named.filter((stream) => stream !== "" && !Object.hasOwn(origin, stream));
}

/**
 * Reads the public text; a partition left out is at its origin. A stream that the origin does not have is
 * skipped: clients send positions of other versions, and a stream may have left the project since.
 * @throws USAGE when the text is malformed or names a partition the origin does not have
 */
export function parsePosition(text: string, origin: Position): Position {
  const wrong = (why: string) =>
    new TidemarkError(
      "USAGE",
      `position "${text.slice(0, 200)}": ${why}`,
      'write it as "stream@partition:next,…;stream@…"',
    );
  const found: Place[] = places(origin);
  for (const part of text.split(";").filter((piece) => piece !== "")) {
    const at = part.lastIndexOf("@");
    if (at < 1) throw wrong(`"${part}" names no stream`);
    const stream = part.slice(0, at);
    for (const pair of part.slice(at + 1).split(",")) {
      const match = /^(\d+):(\d+)$/.exec(pair);
      if (!match) throw wrong(`"${pair}" is not partition:offset`);
      const place = { stream, partition: Number(match[1]), offset: Number(match[2]) };
      if (!Object.hasOwn(origin, stream)) continue;
      if (offsetAt(origin, stream, place.partition) === undefined)
        throw wrong(`there is no partition ${place.partition} of "${stream}"`);
      if (!Number.isSafeInteger(place.offset)) throw wrong(`offset ${match[2]} is out of range`);
      found.push(place);
    }
  }
  return positionOf(found);
}
