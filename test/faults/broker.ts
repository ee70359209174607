import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../../demo/broker/broker.ts";
import type { Fault } from "./fault.ts";
import { runRounds, type Trouble } from "./rounds.ts";

/** A run with this many restarts also has outages that last longer than appends and readers used to wait. */
const longOutageEvery = 10;
const longOutageMs = { least: 65_000, spread: 20_000 };

export const brokerRestarts: Fault = {
  name: "broker-restarts",
  promise: "no event is lost or doubled where the broker dies and comes back, and answers go on by themselves",
  how: "kill -9 or orderly stop of a real broker under load, with speed and serve as processes of their own",
  full: 20,
  short: 2,
  run: (options) => runRounds(options, async (random) => new Restarts(random)),
};

class Restarts implements Trouble {
  readonly port = null;
  readonly facts = { "kill -9": 0, "orderly stops": 0, "away for more than a minute": 0 };
  readonly #random: () => number;
  #broker!: Broker;

  constructor(random: () => number) {
    this.#random = random;
  }

  begin(broker: Broker): void {
    this.#broker = broker;
  }

  async put(round: number, rounds: number, say: (what: string) => void): Promise<void> {
    const killed = this.#random() < 0.6;
    const long = rounds >= longOutageEvery && round % longOutageEvery === 0;
    const awayMs = long ? longOutageMs.least + this.#random() * longOutageMs.spread : this.#random() * 3000;
    say(`${killed ? "kill -9" : "orderly stop"}, away ${Math.round(awayMs)} ms`);
    this.facts[killed ? "kill -9" : "orderly stops"]++;
    if (killed) this.#broker.kill();
    else await this.#broker.stop();
    if (long) this.facts["away for more than a minute"]++;
    await sleep(awayMs);
    await this.#broker.restart();
  }

  async end(): Promise<void> {}
}
