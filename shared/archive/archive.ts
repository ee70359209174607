/** The archive as a value: the segments of every partition, read once, since each reading opens all manifests. */
import { offsetAt, type Position, places, positionOf } from "../position.ts";
import type { Segment } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { clocksOf } from "./segment-rows.ts";
import { readSegments } from "./segments.ts";

export class Archive {
  readonly #origin: Position;
  readonly #segments: ReadonlyMap<string, readonly Segment[]>;

  private constructor(origin: Position, segments: ReadonlyMap<string, readonly Segment[]>) {
    this.#origin = origin;
    this.#segments = segments;
  }

  /** @param origin where the partitions that are read begin. @throws STORE_GAP, STORE_CORRUPT */
  static read(store: Store, origin: Position): Promise<Archive> {
    return new Archive({}, new Map()).and(store, origin);
  }

  /** With the partitions that were not read yet. @throws STORE_GAP, STORE_CORRUPT */
  async and(store: Store, origin: Position): Promise<Archive> {
    const segments = new Map(this.#segments);
    for (const { stream, partition, offset } of places(origin)) {
      const id = idOf(stream, partition);
      if (!segments.has(id)) segments.set(id, await readSegments(store, stream, partition, offset));
    }
    return new Archive(positionOf([...places(origin), ...places(this.#origin)]), segments);
  }

  /** With partitions that this position has, and were added since: they begin at 0. @throws STORE_GAP, STORE_CORRUPT */
  withAdded(store: Store, position: Position): Promise<Archive> {
    return this.and(store, positionOf(places(position).map((place) => ({ ...place, offset: 0 }))));
  }

  /** This partition's read once more: another run has archived meanwhile. @throws STORE_GAP, STORE_CORRUPT */
  async again(store: Store, stream: string, partition: number): Promise<Archive> {
    return this.#having(
      stream,
      partition,
      await readSegments(store, stream, partition, this.#originAt(stream, partition)),
    );
  }

  /** With a segment that was archived at the end of its partition. */
  with(segment: Segment): Archive {
    const { stream, partition } = segment;
    return this.#having(stream, partition, [...this.of(stream, partition), segment]);
  }

  /** In order. */
  of(stream: string, partition: number): readonly Segment[] {
    const segments = this.#segments.get(idOf(stream, partition));
    if (!segments) throw new RangeError(`the archive of ${stream} partition ${partition} was not read`);
    return segments;
  }

  /** How far the archive of a partition reaches. */
  upto(stream: string, partition: number): number {
    return this.of(stream, partition).at(-1)?.upto ?? this.#originAt(stream, partition);
  }

  /** How far it reaches in the partitions of a position. */
  uptoIn(position: Position): Position {
    return positionOf(
      places(position).map((place) => ({ ...place, offset: this.upto(place.stream, place.partition) })),
    );
  }

  /** How far it reaches in files that end below a time, ms, by the log's own timestamps. */
  uptoBefore(stream: string, partition: number, time: number): number {
    const segments = this.of(stream, partition);
    return segments[clocksOf(segments).findLastIndex(({ stamp }) => stamp < time)]?.upto ?? 0;
  }

  /** A partition that was added later begins at 0. */
  #originAt(stream: string, partition: number): number {
    return offsetAt(this.#origin, stream, partition) ?? 0;
  }

  #having(stream: string, partition: number, segments: readonly Segment[]): Archive {
    return new Archive(this.#origin, new Map([...this.#segments, [idOf(stream, partition), segments]]));
  }
}

function idOf(stream: string, partition: number): string {
  return `${partition}@${stream}`;
}
