import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "../../ingest/producer.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { isCode, messageOf, TidemarkError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log/log.ts";
import { furthest, type Position } from "../../shared/position.ts";
import { Ledger } from "./ledger.ts";

const sendersMax = 2;
const keys = 11;

/** Events that keep coming from a few senders, each of which sends again what may not have arrived, as a user would. */
export class EventLoad {
  readonly ledger = new Ledger();
  readonly failures: string[] = [];
  /** Covers everything that was acknowledged. */
  position: Position = {};
  /** What was rejected, by code. */
  readonly rejections: Record<string, number> = {};
  readonly #log: Log;
  readonly #stream: StreamDefinition;
  readonly #random: () => number;
  readonly #groupMax: number;
  readonly #senders: Promise<void>[];
  #stopped = false;

  /** @param groupMax events that a sender appends at a time */
  constructor(log: Log, stream: StreamDefinition, random: () => number, groupMax: number) {
    this.#log = log;
    this.#stream = stream;
    this.#random = random;
    this.#groupMax = groupMax;
    this.#senders = Array.from({ length: sendersMax }, (_, sender) => this.#send(sender));
  }

  /** Waits for an acknowledgement of what was sent after this call. */
  async goesOn(msMax: number): Promise<boolean> {
    const sent = this.ledger.take(1)[0]!; // a mark only: greater than all that was sent
    for (const until = performance.now() + msMax; performance.now() < until; await sleep(20)) {
      if (this.ledger.acknowledged.some((number) => number > sent)) return true;
    }
    return false;
  }

  /** Ends when everything that was taken is acknowledged, or `msMax` is over. */
  async stop(msMax: number): Promise<void> {
    this.#stopped = true;
    const late = sleep(msMax, "late" as const, { ref: false });
    if ((await Promise.race([Promise.all(this.#senders), late])) === "late") {
      this.failures.push(`an append was neither acknowledged nor rejected within ${msMax} ms`);
    }
  }

  async #send(sender: number): Promise<void> {
    let producer: Producer | null = null;
    while (!this.#stopped) {
      const numbers = this.ledger.take(1 + Math.floor(this.#random() * this.#groupMax));
      for (let arrived = false; !arrived; ) {
        producer ??= await this.#open();
        if (!producer) return;
        arrived = await this.#deliver(producer, sender, numbers);
        // a producer that failed once says so for ever
        if (!arrived) producer = null;
      }
      await sleep(this.#random() * 30);
    }
  }

  /** Nothing is sent before there is a broker; null when the load ends first. */
  async #open(): Promise<Producer | null> {
    for (;;) {
      try {
        return await Producer.open(this.#log, this.#stream);
      } catch (error) {
        if (!isCode(error, "LOG_UNREACHABLE")) this.failures.push(`a producer did not open: ${messageOf(error)}`);
        this.#count("no producer: LOG_UNREACHABLE");
        if (this.#stopped) return null;
        await sleep(200);
      }
    }
  }

  async #deliver(producer: Producer, sender: number, numbers: readonly number[]): Promise<boolean> {
    this.ledger.sending(numbers);
    try {
      for (const v of numbers) await producer.add(Buffer.from(JSON.stringify({ g: `g${v % keys}`, v, s: sender })));
      this.position = furthest(this.position, await producer.flush());
      this.ledger.arrived(numbers);
      return true;
    } catch (error) {
      const code = error instanceof TidemarkError ? error.code : "no code";
      if (!isCode(error, "LOG_APPEND", "LOG_UNREACHABLE")) this.failures.push(`an append: ${messageOf(error)}`);
      this.#count(`append: ${code}`);
      this.ledger.rejected(numbers);
      return false;
    }
  }

  #count(what: string): void {
    this.rejections[what] = (this.rejections[what] ?? 0) + 1;
  }
}
