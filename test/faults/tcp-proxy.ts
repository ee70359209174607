/** A TCP proxy that cuts, delays, thins out and silences the connections that go through it. */
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";

const ways = ["to the broker", "from the broker"] as const;
type Direction = (typeof ways)[number];

interface Pair {
  readonly client: Socket;
  readonly broker: Socket;
  /** What is under way, in its order, and when it may arrive. */
  readonly held: Record<Direction, { bytes: Buffer; due: number }[]>;
  /** It ends within a message: nothing may come after that, or the stream would be another one. */
  ending: boolean;
}

export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target = 0;
  #refusing = false;
  #silent: ReadonlySet<Direction> = new Set();
  #delayMs = 0;
  #pieces = Number.POSITIVE_INFINITY;
  /** A connection is cut after this many more bytes. */
  #cutAfter = Number.POSITIVE_INFINITY;
  connections = 0;
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#accept(client));
  }

  static async listen(): Promise<TcpProxy> {
    // the other side may have ended while this one still has something to say
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpProxy(server);
  }

  connectTo(port: number): void {
    this.#target = port;
  }

  /** Everything passes again; what was held back goes on its way. */
  pass(): void {
    this.#refusing = false;
    this.#silent = new Set();
    this.#delayMs = 0;
    this.#pieces = Number.POSITIVE_INFINITY;
    this.#cutAfter = Number.POSITIVE_INFINITY;
    for (const pair of this.#pairs) {
      for (const way of ways) {
        for (const each of pair.held[way]) each.due = 0;
        this.#pump(pair, way);
      }
    }
  }

  /** New connections are reset at once. */
  refuse(): void {
    this.#refusing = true;
  }

  cutAll(): void {
    for (const pair of [...this.#pairs]) this.#cut(pair);
  }

  /** In the middle of whatever is being said. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Everything comes in pieces of this many bytes. */
  thin(bytes: number): void {
    this.#pieces = bytes;
  }

  /** Connections stay open, and nothing comes through this way. */
  silence(...silent: Direction[]): void {
    this.#silent = new Set(silent);
  }

  /** Those that hold something back break; as when a peer was gone, and its machine is there again without it. */
  cutHeld(): void {
    for (const pair of [...this.#pairs])
      if (pair.held["to the broker"].length + pair.held["from the broker"].length > 0) this.#cut(pair);
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.connections++;
    client.on("error", () => undefined);
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const broker = createConnection({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const pair: Pair = { client, broker, held: { "to the broker": [], "from the broker": [] }, ending: false };
    this.#pairs.add(pair);
    client.on("data", (bytes) => this.#pass(pair, "to the broker", bytes));
    broker.on("data", (bytes) => this.#pass(pair, "from the broker", bytes));
    client.on("end", () => broker.end());
    broker.on("end", () => client.end());
    broker.on("error", () => this.#cut(pair));
    for (const socket of [client, broker]) socket.on("close", () => this.#forget(pair));
  }

  #pass(pair: Pair, way: Direction, bytes: Buffer): void {
    pair.held[way].push({ bytes, due: performance.now() + this.#delayMs });
    this.#pump(pair, way);
  }

  #pump(pair: Pair, way: Direction): void {
    const held = pair.held[way];
    while (held.length > 0 && !this.#silent.has(way)) {
      const wait = held[0]!.due - performance.now();
      if (wait > 0) {
        setTimeout(() => this.#pump(pair, way), Math.ceil(wait));
        return;
      }
      this.#send(pair, way, held.shift()!.bytes);
    }
  }

  #send(pair: Pair, way: Direction, bytes: Buffer): void {
    const to = way === "to the broker" ? pair.broker : pair.client;
    if (to.destroyed || pair.ending) return;
    if (bytes.length > this.#cutAfter) {
      pair.ending = true;
      to.write(bytes.subarray(0, this.#cutAfter), () => this.#cut(pair));
      return;
    }
    this.#cutAfter -= bytes.length;
    for (let at = 0; at < bytes.length; at += this.#pieces) to.write(bytes.subarray(at, at + this.#pieces));
  }

  #cut(pair: Pair): void {
    if (!this.#forget(pair)) return;
    this.cuts++;
    pair.client.resetAndDestroy();
    pair.broker.resetAndDestroy();
  }

  #forget(pair: Pair): boolean {
    return this.#pairs.delete(pair);
  }
}
