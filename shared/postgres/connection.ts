/** The one door to pg. Values come and go as PostgreSQL's texts, the same ones on every connection. */
import pg from "pg";
import { TidemarkError } from "../errors.ts";
import { FrameQueue, type Frames } from "./frames.ts";
import { serverRefusal } from "./refusals.ts";

/** Where a database is. */
export interface DatabaseAddress {
  readonly role: "source" | "consumer";
  /** The source's name, or the consumer's, for messages. */
  readonly name: string;
  /** postgres://…, with the password: never shown. */
  readonly url: string;
}

/** A row of a query: texts by column. */
export type TextRow = Readonly<Record<string, string | null>>;

/**
 * The same value has the same text on every connection; nothing that the role or the database sets ends a long
 * snapshot; names mean what the catalog means.
 */
const session = {
  datestyle: "ISO",
  intervalstyle: "postgres",
  extra_float_digits: "3",
  timezone: "UTC",
  bytea_output: "hex",
  search_path: "pg_catalog",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
} as const;

const connectMsMax = 15_000;
/** What waits to be read; more is left in the socket. */
const waitingBytesMax = 4 << 20;

/** What pg has and its types don't. */
interface Wire {
  readonly stream: { pause(): void; resume(): void; readonly destroyed: boolean; destroy(): void };
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  on(event: "copyData", listener: (message: { readonly chunk: Buffer }) => void): void;
  once(event: "replicationStart", listener: () => void): void;
  removeAllListeners(event: "copyData"): void;
}
interface Inner {
  readonly connection: Wire;
  readonly connectionParameters: { options?: string; replication?: string };
  readonly processID: number;
}

async function connected(address: DatabaseAddress, kind: "query" | "replication"): Promise<pg.Client> {
  const { role, name, url } = address;
  const of = `${role} ${name}`;
  let client: pg.Client;
  try {
    // pg takes any text for an address, and asks some other server
    if (!/^postgres(ql)?:\/\//.test(url)) throw new TypeError("no address of a PostgreSQL");
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: connectMsMax,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      fallback_application_name: `tidemark ${of}`,
      types: { getTypeParser: () => (text: string) => text },
    } as pg.ClientConfig);
  } catch {
    // its message has the address
    throw new TidemarkError(
      "DATABASE_SETTING",
      `${of}: the database's address is not one`,
      "write postgres://user:password@host:port/database",
    );
  }
  const { connectionParameters } = client as unknown as Inner;
  const own = Object.entries(session).map(([name, value]) => `-c ${name}=${value}`);
  connectionParameters.options = [connectionParameters.options ?? "", ...own].join(" ").trim();
  if (kind === "replication") connectionParameters.replication = "database";
  // a connection that breaks fails what is under way; without a listener it would end the process
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw serverRefusal(of, "connecting", error);
  }
}

export class PostgresConnection {
  /** See DatabaseAddress. */
  readonly name: string;
  /** For messages. */
  readonly #of: string;
  readonly #client: pg.Client;
  readonly #inner: Inner;
  #isClosed = false;
  #asked: Promise<unknown> = Promise.resolve();

  private constructor({ role, name }: DatabaseAddress, client: pg.Client) {
    this.name = name;
    this.#of = `${role} ${name}`;
    this.#client = client;
    this.#inner = client as unknown as Inner;
  }

  /** @throws DATABASE_UNREACHABLE, DATABASE_LOGIN, DATABASE_SETTING */
  static async open(address: DatabaseAddress, kind: "query" | "replication" = "query"): Promise<PostgresConnection> {
    return new PostgresConnection(address, await connected(address, kind));
  }

  /** The server process of this connection. */
  get pid(): number {
    return this.#inner.processID;
  }

  /** @param values for $1, …; a replication connection takes none */
  async rows(text: string, values: readonly (string | number | null | readonly string[])[] = []): Promise<TextRow[]> {
    // one after another: pg does not queue them for us
    const asked = this.#asked.then(async () => {
      // the simple protocol is what a replication connection knows
      const result = values.length === 0 ? this.#client.query(text) : this.#client.query(text, [...values]);
      return (await result).rows as TextRow[];
    });
    this.#asked = asked.catch(() => {});
    try {
      return await asked;
    } catch (error) {
      throw serverRefusal(this.#of, "asking the server", error);
    }
  }

  /** Messages of COPY … TO STDOUT: a line each. Ended early, the connection is of no more use. */
  async *copy(text: string): AsyncGenerator<Frames> {
    const copied = new IncomingFrames(this.#inner.connection);
    const query = {
      submit: (wire: Wire) => void wire.query(text),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => copied.push(chunk),
      handleError: (error: unknown) => copied.end(serverRefusal(this.#of, "reading a table", error)),
      handleReadyForQuery: () => copied.end(null),
      handleCommandComplete: () => {},
      handleRowDescription: () => {},
      handleDataRow: () => {},
      handlePortalSuspended: () => {},
      handleEmptyQuery: () => {},
    };
    this.#client.query(query as unknown as pg.Submittable);
    for (let frames = await copied.next(); frames !== null; frames = await copied.next()) yield frames;
  }

  /** Of a replication connection: the messages that follow `command`, until the connection ends. */
  replicate(command: string): Replication {
    const wire = this.#inner.connection;
    const incoming = new IncomingFrames(wire);
    // pg takes no message of this kind for the answer to a query
    wire.removeAllListeners("copyData");
    wire.on("copyData", ({ chunk }) => incoming.push(chunk));
    this.#client.query(command).then(
      () => incoming.end(serverRefusal(this.#of, "following changes", new Error("ended"))),
      (error: unknown) => incoming.end(serverRefusal(this.#of, "following changes", error)),
    );
    let isStarted = false;
    wire.once("replicationStart", () => {
      isStarted = true;
    });
    return {
      incoming,
      send: (message) => {
        if (isStarted && !wire.stream.destroyed) wire.sendCopyFromChunk(message);
      },
    };
  }

  /** Also what is under way ends. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { stream } = this.#inner.connection;
    // a paused socket does not see its end
    stream.resume();
    const ended = this.#client.end().catch(() => {});
    const timer = setTimeout(() => stream.destroy(), 1_000);
    await ended;
    clearTimeout(timer);
  }
}

export interface Replication {
  readonly incoming: IncomingFrames;
  /** Nothing before the server has begun, and after the end. */
  send(message: Buffer): void;
}

/** What came in, under back-pressure: the socket is paused while too much waits. */
export class IncomingFrames {
  readonly #wire: Wire;
  readonly #queue = new FrameQueue();
  #isPaused = false;
  #ended: { readonly error: TidemarkError | null } | null = null;
  #wake: (() => void) | null = null;
  #isWoken = false;
  /** Sees each message as it comes. */
  onMessage: ((chunk: Buffer) => void) | null = null;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** True while nothing is read from the socket. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.onMessage?.(chunk);
    if (!this.#isPaused && this.#queue.waitingBytes > waitingBytesMax) {
      this.#isPaused = true;
      this.#wire.stream.pause();
    }
    this.wake();
  }

  /** What came before is still read. @param error null: all came */
  end(error: TidemarkError | null): void {
    this.#ended ??= { error };
    this.wake();
  }

  /** Lets `next` return, with no messages where there are none. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** What is here already; null: nothing is. */
  waiting(): Frames | null {
    const frames = this.#queue.shift();
    if (this.#isPaused && this.#queue.waitingBytes < waitingBytesMax / 2) {
      this.#isPaused = false;
      this.#wire.stream.resume();
    }
    return frames;
  }

  /** What came next, or nothing where it was woken; null at the end. */
  async next(): Promise<Frames | null> {
    for (;;) {
      const frames = this.waiting();
      if (frames !== null) {
        // a reader that waits for nothing else would keep timers from their turn, and with them our signs of life
        await new Promise((resolve) => setImmediate(resolve));
        return frames;
      }
      if (this.#ended !== null) {
        if (this.#ended.error !== null) throw this.#ended.error;
        return null;
      }
      if (this.#isWoken) {
        this.#isWoken = false;
        return { bytes: nothing, ends: [] };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}

const nothing = Buffer.alloc(0);
