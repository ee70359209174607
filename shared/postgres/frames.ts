/** Messages of a socket, kept until they are read: their bytes one after another. */

/** Of a buffer that many messages share. */
const slabBytes = 256 * 1024;

export interface Frames {
  readonly bytes: Buffer;
  /** Where each message ends; the first begins at 0, the next where the one before ends. */
  readonly ends: readonly number[];
}

/** Copies, since a socket's parser uses its buffer again. */
export class FrameQueue {
  readonly #full: Frames[] = [];
  #bytes = Buffer.allocUnsafeSlow(slabBytes);
  #ends: number[] = [];
  #used = 0;
  /** Of messages that are waiting. */
  waitingBytes = 0;

  push(chunk: Buffer): void {
    if (this.#used + chunk.length > this.#bytes.length) {
      this.#close();
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(slabBytes, chunk.length));
    }
    chunk.copy(this.#bytes, this.#used);
    this.#used += chunk.length;
    this.#ends.push(this.#used);
    this.waitingBytes += chunk.length;
  }

  /** What came first; null where nothing is waiting. */
  shift(): Frames | null {
    if (this.#full.length === 0) {
      if (this.#ends.length === 0) return null;
      this.#close();
      this.#bytes = Buffer.allocUnsafeSlow(slabBytes);
    }
    const frames = this.#full.shift()!;
    this.waitingBytes -= frames.ends.at(-1)!;
    return frames;
  }

  #close(): void {
    if (this.#ends.length > 0) this.#full.push({ bytes: this.#bytes, ends: this.#ends });
    this.#ends = [];
    this.#used = 0;
  }
}
