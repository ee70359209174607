/**
 * The position after each event that a reader has read, as a text. Where there are many partitions it is the short
 * text of an earlier position, and the places that were passed since.
 */
import { type Position, places, positionOf } from "../../shared/position.ts";
import { type PositionTexts, readableMax } from "../../shared/store/position-texts.ts";
import type { EventChunk } from "./event-texts.ts";

export class PositionTrail {
  readonly #texts: PositionTexts;
  readonly #stream: string;
  readonly #all: Map<number, number>;
  /** The short text; "": there is none, and all places are written out. */
  #anchor = "";
  #written: Map<number, number>;

  /** @param from of the stream, all its partitions */
  constructor(texts: PositionTexts, stream: string, from: Position) {
    this.#texts = texts;
    this.#stream = stream;
    this.#all = new Map(places(from).map(({ partition, offset }) => [partition, offset]));
    this.#written = new Map(this.#all);
  }

  /** The text of where it is. */
  async text(): Promise<string> {
    const [head, tail] = this.#around(null);
    if (head.length + tail.length <= readableMax) return head + tail;
    const all = [...this.#all].map(([partition, offset]) => ({ stream: this.#stream, partition, offset }));
    const text = await this.#texts.textOf(positionOf(all));
    const isShort = text.startsWith("~");
    this.#anchor = isShort ? text : "";
    this.#written = isShort ? new Map() : new Map(this.#all);
    return text;
  }

  /** Goes over a chunk. @returns the text of the position after an event of it, by the event's offset */
  async pass({ partition, upto }: EventChunk): Promise<(offset: number) => string> {
    await this.text();
    const [head, tail] = this.#around(partition);
    this.#all.set(partition, upto);
    this.#written.set(partition, upto);
    return (offset) => `${head}${partition}:${offset + 1}${tail}`;
  }

  /** What is written before and after a partition's place; null: all of it. */
  #around(partition: number | null): readonly [string, string] {
    const others = [...this.#written].filter(([each]) => each !== partition).sort(([a], [b]) => a - b);
    const texts = others.map(([each, offset]) => `${each}:${offset}`);
    if (partition === null && texts.length === 0) return [this.#anchor, ""];
    const below = partition === null ? texts.length : others.filter(([each]) => each < partition).length;
    const head = `${this.#anchor === "" ? "" : `${this.#anchor};`}${this.#stream}@`;
    const [before, after] = [texts.slice(0, below), texts.slice(below)];
    if (partition === null) return [head + before.join(","), ""];
    return [head + before.map((each) => `${each},`).join(""), after.map((each) => `,${each}`).join("")];
  }
}
