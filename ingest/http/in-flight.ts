/**
 * Bytes of events that have been received and are not in the log yet. They are bounded: otherwise
 * clients could fill the server's memory.
 */
import { finished, Transform } from "node:stream";
import { TidemarkError } from "../../shared/errors.ts";
import { type Asker, Waiting } from "../../shared/waiting.ts";

/**
 * Above this, a request is refused before its body is read, so that its client can retry on the
 * same connection.
 */
const admittedMax = 32 << 20;
/**
 * Above this, bodies that were admitted together are refused while they are being received, which
 * costs their clients the connection.
 */
const bytesMax = 128 << 20;
/** Of bodies that are parsed at a time: parsed, a body is several times as large. */
const workedOnMax = 8 << 20;
/** What a request costs in addition to its body. */
const requestBytes = 16 << 10;
/** How many requests may wait for their turn, and for how long. */
const waitingMax = 2000;
const waitMsMax = 15_000;

interface CountedBody {
  readonly body: Transform;
  readonly release: () => void;
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
   * @returns the body, and the cleanup to run after the request, which may have left the body unread
   */
  body(payload: NodeJS.ReadableStream & { receivedEncodedLength?: number }): CountedBody {
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
    // the body's reader gets the error, too; a request that is refused unread has no reader
    counted.on("error", () => undefined);
    counted.once("close", () => {
      this.#bytes -= bytes;
    });
    // Fastify compares Content-Length with what came in before it was unpacked
    Object.defineProperty(counted, "receivedEncodedLength", { get: () => payload.receivedEncodedLength });
    finished(payload, { writable: false }, (error) => error && counted.destroy(error));
    payload.pipe(counted);
    const release = () => {
      payload.unpipe(counted);
      counted.destroy();
      // the rest of the body precedes the connection's next request, and has to be consumed first
      payload.resume();
    };
    return { body: counted, release };
  }

  /**
   * Counts a received body until `work` is done, which begins when it is its turn.
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
  new TidemarkError("INGEST_BUSY", "events are arriving faster than the log can take them", "try again in a second");
