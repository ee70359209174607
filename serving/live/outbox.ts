/**
 * What listeners were told and have not taken: bytes that several wait for count once, and all that
 * is kept is so much at most. Whoever is slow is let go at once, and comes again from where it was.
 */
import { Readable } from "node:stream";

/** Who has not taken so many bytes is told no more. */
const behindMax = 1 << 20;
/** Of all listeners together. */
const bytesMax = 64 << 20;

export class Outboxes {
  readonly #bytesMax: number;
  readonly #behindMax: number;
  readonly #open = new Set<Outbox>();
  /** By how many each is waited for. */
  readonly #waitedFor = new Map<Buffer, number>();
  #bytes = 0;

  constructor(limits: { readonly bytesMax?: number; readonly behindMax?: number } = {}) {
    this.#bytesMax = limits.bytesMax ?? bytesMax;
    this.#behindMax = limits.behindMax ?? behindMax;
  }

  /** Kept for listeners now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param below bytes that have left the box and not the process
   * @param letGo ends a listener's connection, whatever is still on its way
   */
  open(below: () => number, letGo: () => void): Outbox {
    const outbox = new Outbox(this, below, letGo);
    this.#open.add(outbox);
    outbox.once("close", () => this.#open.delete(outbox));
    return outbox;
  }

  keep(bytes: Buffer): void {
    const others = this.#waitedFor.get(bytes) ?? 0;
    this.#waitedFor.set(bytes, others + 1);
    if (others === 0) this.#bytes += bytes.length;
  }

  forget(bytes: Buffer): void {
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

  /** Lets the slowest go until there is room. */
  makeRoom(): void {
    if (this.#bytes <= this.#bytesMax) return;
    const slowest = [...this.#open].sort((left, right) => right.unsent - left.unsent);
    for (const outbox of slowest) {
      if (this.#bytes <= this.#bytesMax) return;
      outbox.letGo();
    }
  }
}

export class Outbox extends Readable {
  readonly #all: Outboxes;
  readonly #below: () => number;
  readonly #letGo: () => void;
  /** Not taken out yet. */
  #queue: Buffer[] = [];
  #queued = 0;
  /** What is counted: the queue, and what may still be on its way. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #asked = false;
  #ended = false;
  /** At the last beat. */
  #unsentThen = 0;

  constructor(all: Outboxes, below: () => number, letGo: () => void) {
    super({ highWaterMark: 1 });
    this.#all = all;
    this.#below = below;
    this.#letGo = letGo;
  }

  /** Bytes that it was told and has not taken. */
  get unsent(): number {
    return this.#queued + this.readableLength + (this.destroyed ? 0 : this.#below());
  }

  /** @returns false where it is told no more */
  tell(bytes: Buffer): boolean {
    if (this.destroyed || this.#ended) return false;
    this.#settle();
    if (this.#all.isLate(this)) {
      this.letGo();
      return false;
    }
    this.#all.keep(bytes);
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#give();
    this.#all.makeRoom();
    return !this.destroyed;
  }

  /** Keeps the connection open; lets it go where nothing has moved since the last beat. */
  beat(bytes: Buffer): void {
    const { unsent } = this;
    if (unsent === 0) this.tell(bytes);
    else if (unsent >= this.#unsentThen && this.#unsentThen > 0) this.letGo();
    this.#unsentThen = unsent;
  }

  /** What it was told is still sent. */
  end(): void {
    this.#ended = true;
    this.#give();
  }

  letGo(): void {
    this.destroy();
    this.#letGo();
  }

  override _read(): void {
    this.#asked = true;
    this.#give();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    for (const bytes of this.#kept) this.#all.forget(bytes);
    [this.#queue, this.#kept, this.#queued, this.#keptBytes] = [[], [], 0, 0];
    done(error);
  }

  /** What has left the process is kept no more. */
  #settle(): void {
    const { unsent } = this;
    for (let [first] = this.#kept; first && this.#keptBytes - first.length >= unsent; [first] = this.#kept) {
      this.#all.forget(first);
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
  }
}
