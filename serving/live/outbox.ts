/**
 * Events that were sent to listeners and are not delivered yet. Bytes that several listeners wait
 * for count once, and the total is bounded. A slow listener is disconnected at once, and continues
 * from its last position when it connects again.
 */
import { Readable } from "node:stream";

/** A listener with more undelivered bytes is disconnected. */
const behindMax = 1 << 20;
/** Of all listeners together. */
const bytesMax = 64 << 20;

export class Outboxes {
  readonly #bytesMax: number;
  readonly #behindMax: number;
  readonly #open = new Set<Outbox>();
  /** The number of listeners that wait for each buffer. */
  readonly #waitedFor = new Map<Buffer, number>();
  #bytes = 0;

  constructor(limits: { readonly bytesMax?: number; readonly behindMax?: number } = {}) {
    this.#bytesMax = limits.bytesMax ?? bytesMax;
    this.#behindMax = limits.behindMax ?? behindMax;
  }

  /** Bytes that are kept for listeners now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many are open. */
  get count(): number {
    return this.#open.size;
  }

  /**
   * @param below bytes that have left the outbox and not the process
   * @param disconnect ends a listener's connection, even with bytes in flight
   */
  open(below: () => number, disconnect: () => void): Outbox {
    const outbox = new Outbox(this, below, disconnect);
    this.#open.add(outbox);
    outbox.once("close", () => this.#open.delete(outbox));
    return outbox;
  }

  keep(bytes: Buffer): void {
    const others = this.#waitedFor.get(bytes) ?? 0;
    this.#waitedFor.set(bytes, others + 1);
    if (others === 0) this.#bytes += bytes.length;
  }

  release(bytes: Buffer): void {
    const others = this.#waitedFor.get(bytes)! - 1;
    if (others > 0) this.#waitedFor.set(bytes, others);
    else {
      this.#waitedFor.delete(bytes);
      this.#bytes -= bytes.length;
    }
  }

  isLate(outbox: Outbox): boolean {
    return outbox.unsent > this.#behindMax;
  }

  /** Disconnects the slowest until the total is within bounds. */
  makeRoom(): void {
    if (this.#bytes <= this.#bytesMax) return;
    const slowest = [...this.#open].sort((left, right) => right.unsent - left.unsent);
    for (const outbox of slowest) {
      if (this.#bytes <= this.#bytesMax) return;
      outbox.disconnect();
    }
  }
}

export class Outbox extends Readable {
  readonly #all: Outboxes;
  readonly #below: () => number;
  readonly #disconnect: () => void;
  /** Not read yet. */
  #queue: Buffer[] = [];
  #queued = 0;
  /** What is counted: the queue, and what may still be in flight. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #asked = false;
  #ended = false;
  #onAsked: (() => void) | null = null;
  /** `unsent` at the last heartbeat. */
  #unsentThen = 0;

  constructor(all: Outboxes, below: () => number, disconnect: () => void) {
    super({ highWaterMark: 1 });
    this.#all = all;
    this.#below = below;
    this.#disconnect = disconnect;
  }

  /** Bytes that are not delivered yet. */
  get unsent(): number {
    return this.#queued + this.readableLength + (this.destroyed ? 0 : this.#below());
  }

  /** @returns false where the listener was disconnected */
  send(bytes: Buffer): boolean {
    if (this.destroyed || this.#ended) return false;
    this.#settle();
    if (this.#all.isLate(this)) {
      this.disconnect();
      return false;
    }
    return this.#add(bytes);
  }

  /**
   * Sends what is read as the client takes what was sent before, however large that was. It resolves once the client
   * asks for more, or is gone.
   */
  async sendAsked(bytes: Buffer): Promise<void> {
    if (this.destroyed || this.#ended || bytes.length === 0) return;
    this.#settle();
    this.#add(bytes);
    if (this.destroyed || (this.#asked && this.#queue.length === 0)) return;
    await new Promise<void>((resolve) => {
      this.#onAsked = resolve;
    });
  }

  #add(bytes: Buffer): boolean {
    this.#all.keep(bytes);
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#give();
    this.#all.makeRoom();
    return !this.destroyed;
  }

  /**
   * Keeps the connection open; disconnects it where nothing was delivered since the last heartbeat.
   * @param bytes null: nothing may be sent in between
   */
  heartbeat(bytes: Buffer | null): void {
    const { unsent } = this;
    if (unsent === 0 && bytes) this.send(bytes);
    else if (unsent >= this.#unsentThen && this.#unsentThen > 0) this.disconnect();
    this.#unsentThen = unsent;
  }

  /** Ends the stream after what is in the queue. */
  end(): void {
    this.#ended = true;
    this.#give();
  }

  disconnect(): void {
    this.destroy();
    this.#disconnect();
  }

  override _read(): void {
    this.#asked = true;
    this.#give();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const bytes of this.#kept) this.#all.release(bytes);
    [this.#queue, this.#kept, this.#queued, this.#keptBytes] = [[], [], 0, 0];
    this.#onAsked?.();
    done(error);
  }

  /** Releases what has left the process. */
  #settle(): void {
    const { unsent } = this;
    for (let [first] = this.#kept; first && this.#keptBytes - first.length >= unsent; [first] = this.#kept) {
      this.#all.release(first);
      this.#kept.shift();
      this.#keptBytes -= first.length;
    }
  }

  #give(): void {
    if (!this.#asked) return;
    const next = this.#queue.shift();
    if (next) {
      this.#asked = false;
      this.#queued -= next.length;
      this.push(next);
    } else if (this.#ended) this.push(null);
    else this.#onAsked?.();
  }
}
