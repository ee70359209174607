/**
 * Real processes and their calls to the disk: at the k-th write, sync or change of a name of a batch, a flush
 * or a load, for every k, the process is killed, the write torn, the sync fails, or the disk is full from there
 * on. ONLY=syscalls VERB=batch AT=17 HOW=torn repeats one.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../shared/errors.ts";
import { covers, formatPosition } from "../../shared/position.ts";
import { Daemon, type Ended, lastLines, runVerb } from "./daemon.ts";
import { type Fault, type FaultReport, randomOf } from "./fault.ts";
import { type Call, compilePreload, faultsAt, type How, readCalls } from "./syscalls/preload.ts";
import { perLoad } from "./syscalls/project.ts";
import { strange, World } from "./syscalls/world.ts";

const verbs = ["batch", "speed", "load"] as const;
type Verb = (typeof verbs)[number];

const verbMsMax = 60_000;
/** Meanwhile the disk is full for a daemon. */
const fullMs = 1500;
const nextLoad = 8;
/** What a shell reports for SIGTERM. */
const terminated = 143;

interface Case {
  readonly verb: Verb;
  readonly how: How;
  readonly call: Call;
}

export const syscalls: Fault = {
  name: "syscalls",
  promise:
    "a process that ends at any of its calls to the disk, and a disk that fails or is full there, lose and double nothing",
  how: "kill, torn write, EIO of a sync, full disk at the k-th write, sync or name of batch, flush and load, for every k (a preloaded library)",
  full: Number.POSITIVE_INFINITY,
  short: 3,
  async run({ n, seed, say }): Promise<FaultReport> {
    const world = await World.make();
    try {
      const found = compilePreload(world.dir);
      if ("lacking" in found) return { n: 0, failures: [], facts: {}, skipped: found.lacking };
      const faulty = new Faulty(world, found.library);
      const all = await faulty.cases();
      const chosen = only(all) ?? some(all, n, randomOf(seed));
      for (const [i, each] of chosen.entries()) {
        await faulty.put(each);
        if (i % 50 === 49) say(`${i + 1} of ${chosen.length}, ${faulty.failures.length} failures`);
      }
      const facts = { "of all faults": all.length, ...faulty.facts };
      return { n: chosen.length, failures: faulty.failures, facts };
    } finally {
      world.close();
    }
  },
};

function only(all: readonly Case[]): Case[] | null {
  const { VERB, AT, HOW } = process.env;
  if (!VERB && !AT && !HOW) return null;
  return all.filter(
    ({ verb, call, how }) => (!VERB || verb === VERB) && (!AT || call.number === Number(AT)) && (!HOW || how === HOW),
  );
}

/** At most this many, in their order. */
function some(all: readonly Case[], n: number, random: () => number): Case[] {
  const places = all.map((_, i) => ({ i, by: random() })).sort((a, b) => a.by - b.by);
  const chosen = new Set(places.slice(0, n).map(({ i }) => i));
  return all.filter((_, i) => chosen.has(i));
}

class Faulty {
  readonly failures: string[] = [];
  readonly facts: Record<string, number> = {};
  readonly #world: World;
  readonly #library: string;
  readonly #data: string;
  readonly #calls: string;
  readonly #full: string;

  constructor(world: World, library: string) {
    this.#world = world;
    this.#library = library;
    this.#data = join(world.dir, "spoiled");
    this.#calls = join(world.dir, "calls.txt");
    this.#full = join(world.dir, "full");
  }

  /** Every call of a run without faults, with every fault that can be put in there. */
  async cases(): Promise<Case[]> {
    const all: Case[] = [];
    for (const verb of verbs) {
      this.#world.copy(this.#data);
      const { code, err } = await this.#run(verb, null);
      if (code !== 0) throw new Error(`${verb} without a fault ended with ${code}: ${err}`);
      const calls = readCalls(this.#calls);
      this.facts[`calls of ${verb}`] = calls.length;
      for (const call of calls) for (const how of faultsAt(call)) all.push({ verb, how, call });
    }
    return all;
  }

  async put({ verb, how, call }: Case): Promise<void> {
    const name = call.path.slice(this.#data.length + 1);
    const fail = (what: string) =>
      void this.failures.push(
        `VERB=${verb} AT=${call.number} HOW=${how} (${call.kind} ${name}, ${call.bytes} bytes): ${what}`,
      );
    try {
      this.#world.copy(this.#data);
      const before = await this.#world.judge(this.#data, false);
      if ("wrong" in before) throw new Error(`before any fault: ${before.wrong}`);
      const ended = await this.#run(verb, { verb, how, call });
      this.#count(`${how}: ${ended.code === null ? "killed" : ended.code === 0 ? "went on" : "said so"}`);
      if (ended.code !== null && ended.code !== 0 && !/^error: /m.test(ended.err))
        fail(`ended with ${ended.code} and no line: ${lastLines(ended.err)}`);
      const odd = strange(ended.err);
      if (odd !== null) fail(`said: ${odd}`);
      const after = await this.#world.judge(this.#data, false);
      if ("wrong" in after)
        return fail(`afterwards: ${after.wrong}; it had ended with ${ended.code}: ${lastLines(ended.err)}`);
      if (!covers(after.position, before.position))
        fail(`went back from ${formatPosition(before.position)} to ${formatPosition(after.position)}`);
      if (verb === "load" && ended.code === 0 && after.events !== before.events + good)
        fail(`${after.events} events after a load that said it was done`);
      await this.#again(verb, before.events, fail);
    } catch (error) {
      fail(messageOf(error));
    }
  }

  /** The same once more without a fault: now everything is there, once. */
  async #again(verb: Verb, events: number, fail: (what: string) => void): Promise<void> {
    const again = await this.#run(verb, null);
    if (again.code !== 0) return fail(`once more, it ended with ${again.code}: ${lastLines(again.err)}`);
    if (verb !== "speed") {
      const speed = await this.#run("speed", null);
      if (speed.code !== 0) return fail(`speed after it ended with ${speed.code}: ${lastLines(speed.err)}`);
    }
    const seen = await this.#world.judge(this.#data, true);
    if ("wrong" in seen) return fail(`once more: ${seen.wrong}`);
    const expected = events + (verb === "load" ? good : 0);
    if (seen.events !== expected) fail(`once more: ${seen.events} events of ${expected}`);
    if (!(await this.#world.reached(this.#data, 0))) fail(`once more: it is at ${formatPosition(seen.position)} only`);
  }

  #count(what: string): void {
    this.facts[what] = (this.facts[what] ?? 0) + 1;
  }

  async #run(verb: Verb, fault: Case | null): Promise<Ended> {
    rmSync(this.#calls, { force: true });
    const env = {
      LD_PRELOAD: this.#library,
      TM_ROOT: this.#data,
      TM_CALLS: this.#calls,
      TM_FULL: this.#full,
      ...(fault && { TM_AT: String(fault.call.number), TM_HOW: fault.how }),
    };
    if (fault?.how === "full") writeFileSync(this.#full, "");
    try {
      const args = this.#world.project.args(this.#data);
      if (verb === "batch") return await runVerb(["batch", "--once", ...args], verbMsMax, { env });
      if (verb === "load")
        return await runVerb(
          [
            "load",
            "events",
            this.#world.project.events(nextLoad),
            "--request-id",
            "load-next",
            "--accept-dead",
            ...args,
          ],
          verbMsMax,
          { env },
        );
      return await this.#runSpeed(args, env);
    } finally {
      rmSync(this.#full, { force: true });
    }
  }

  /** Until it has folded everything, or has ended by itself; a full disk has space again after a while. */
  async #runSpeed(args: readonly string[], env: Record<string, string>): Promise<Ended> {
    const speed = new Daemon(["speed", ...args], { env, again: false });
    const space = setTimeout(() => rmSync(this.#full, { force: true }), fullMs);
    const reached = await this.#world.reached(this.#data, verbMsMax, () => speed.ended !== null);
    clearTimeout(space);
    const ended = speed.ended ?? stopped(await speed.stop());
    if (!reached && ended.code === 0) return { ...ended, code: 1, err: `it did not reach the log's end: ${ended.err}` };
    return ended;
  }
}

/** Ended as it was asked to. */
function stopped(ended: Ended): Ended {
  return ended.code === terminated || ended.signal === "SIGTERM" ? { ...ended, code: 0 } : ended;
}

/** Valid events of a load. */
const good = perLoad - Math.floor(perLoad / 7);
