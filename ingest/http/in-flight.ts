/**
 * Bytes of events that have come in and are not in the log yet: so many at most, or memory would be
 * the clients' to fill.
 */
import { finished, Transform } from "node:stream";
import { TidemarkError } from "../../shared/errors.ts";
import { type Asker, Waiting } from "../../shared/waiting.ts";

/**
 * From here on a request is told to wait before its body is read: its client may send it again on
 * the same connection.
 */
const admittedMax = 32 << 20;
/**
 * Bodies that were let in all at once are refused in the middle beyond this, which costs their
 * clients the connection.
 */
const bytesMax = 128 << 20;
/** Of bodies that are taken apart at a time: in pieces they are several times as large. */
const workedOnMax = 8 << 20;
/** What a request takes beside its body. */
const requestBytes = 16 << 10;
/** So many and so long at most wait for their turn. */
const waitingMax = 2000;
const waitMsMax = 15_000;

interface Counted {
  readonly body: Transform;
  readonly letGo: () => void;
}

export class InFlight {
  #bytes = 0;
  #workedOn = 0;
  readonly #waiting = new Waiting<void>({ max: waitingMax, msMax: waitMsMax, what: "requests with events" });

  /** @throws INGEST_BUSY */
  admit(): void {
    if (this.#bytes >= admittedMax) throw busy();
  }

  /**
   * Counts a body, unpacked, while it comes in; fails with INGEST_BUSY.
   * @returns the body, and what is owed once its request is over: it may have been left unread
   */
  body(payload: NodeJS.ReadableStream & { receivedEncodedLength?: number }): Counted {
    let bytes = requestBytes;
    this.#bytes += bytes;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        if (this.#bytes + chunk.length > bytesMax) return next(busy());
        bytes += chunk.length;
        this.#bytes += chunk.length;
        next(null, chunk);
      },
    });
    // whoever reads the body hears of it, too; nobody does where the request is refused unread
    counted.on("error", () => undefined);
    counted.once("close", () => {
      this.#bytes -= bytes;
    });
    // Fastify compares Content-Length with what came in before it was unpacked
    Object.defineProperty(counted, "receivedEncodedLength", { get: () => payload.receivedEncodedLength });
    finished(payload, { writable: false }, (error) => error && counted.destroy(error));
    payload.pipe(counted);
    const letGo = () => {
      payload.unpipe(counted);
      counted.destroy();
      // what is still to come stands before the connection's next request
      payload.resume();
    };
    return { body: counted, letGo };
  }

  /**
   * Counts a body that is in until `work` is done, which begins when it is its turn.
   * @throws SERVE_BUSY; why the asker is gone
   */
  async during<T>(asker: Asker, bytes: number, work: () => Promise<T>): Promise<T> {
    const counted = bytes + requestBytes;
    this.#bytes += counted;
    try {
      const turn = this.#waiting.wait(asker, bytes);
      this.#begin();
      await turn;
      try {
        return await work();
      } finally {
        this.#workedOn -= bytes;
        this.#begin();
      }
    } finally {
      this.#bytes -= counted;
    }
  }

  #begin(): void {
    for (let next = this.#waiting.next(); next; next = this.#waiting.next()) {
      if (this.#workedOn > 0 && this.#workedOn + next.size > workedOnMax) return;
      this.#workedOn += next.size;
      next.go();
    }
  }
}

const busy = () =>
  new TidemarkError("INGEST_BUSY", "events come in faster than the log takes them", "try again in a second");
