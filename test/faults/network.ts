import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../../demo/broker/broker.ts";
import type { Fault } from "./fault.ts";

import { runRounds, type Trouble } from "./rounds.ts";
import { TcpProxy } from "./tcp-proxy.ts";

export const network: Fault = {
  name: "network",
  promise: "no event is lost or doubled, and answers go on, whatever the network does to connections to the broker",
  how: "a TCP proxy before a real broker under load: cut, cut within a message, refused, delayed, in small pieces, silent one way or both",
  full: 60,
  short: 2,
  run: (options) => runRounds(options, async (random) => new Network(await TcpProxy.listen(), random)),
};

class Network implements Trouble {
  readonly port: number;
  readonly #proxy: TcpProxy;
  readonly #random: () => number;
  readonly #counts: Record<string, number> = {};

  constructor(proxy: TcpProxy, random: () => number) {
    this.port = proxy.port;
    this.#proxy = proxy;
    this.#random = random;
  }

  get facts(): Record<string, number> {
    return { ...this.#counts, connections: this.#proxy.connections, "connections cut": this.#proxy.cuts };
  }

  begin(broker: Broker): void {
    this.#proxy.connectTo(Number(broker.brokers.split(":").at(-1)));
  }

  async put(round: number, _rounds: number, say: (what: string) => void): Promise<void> {
    const troubles = Object.entries(this.#troubles);
    const [name, trouble] = troubles[(round - 1) % troubles.length]!;
    const ms = Math.round(300 + this.#random() * 3000);
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
    say(`${name}, ${ms} ms`);
    await trouble(ms);
    this.#proxy.pass();
  }

  end(): Promise<void> {
    return this.#proxy.close();
  }

  readonly #troubles: Readonly<Record<string, (ms: number) => Promise<void>>> = {
    "all cut at once": async () => this.#proxy.cutAll(),
    "cut within a message": async (ms: number) => {
      for (let i = 0; i < 5; i++) {
        this.#proxy.cutAfter(1 + Math.floor(this.#random() * 2000));
        await sleep(ms / 5);
      }
    },
    refused: async (ms: number) => {
      this.#proxy.refuse();
      this.#proxy.cutAll();
      await sleep(ms);
    },
    delayed: async (ms: number) => {
      this.#proxy.delay(50 + this.#random() * 800);
      await sleep(2 * ms);
    },
    "in small pieces": async (ms: number) => {
      this.#proxy.thin(1 + Math.floor(this.#random() * 40));
      await sleep(ms);
    },
    "no answers": async (ms: number) => {
      this.#proxy.silence("from the broker");
      await sleep(ms);
    },
    "no answers, then cut": async (ms: number) => {
      this.#proxy.silence("from the broker");
      await sleep(ms);
      this.#proxy.cutHeld();
    },
    // longer than a request may take: neither side reports that the connection is gone
    "half open": async (ms: number) => {
      this.#proxy.silence("to the broker", "from the broker");
      await sleep(16_000 + ms);
      this.#proxy.cutHeld();
    },
  };
}
