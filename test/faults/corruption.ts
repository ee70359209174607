/**
 * Damaged files: one at a time, of every kind in a data folder, in every way. Whoever reads it complains, or answers as the oracle
 * does at the answer's own position. AT=… puts in a single fault, by its number.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../shared/errors.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";
import { Store } from "../../shared/store/store.ts";
import { type DamageName, damages, filesBelow, type Kind, kinds } from "./corruption/kinds.ts";
import { damageLogValue, type LogValue, logValues } from "./corruption/log-values.ts";
import { PlainParquet } from "./corruption/plain-parquet.ts";
import { type Pristine, pristine } from "./corruption/pristine.ts";
import { Reading } from "./corruption/reading.ts";
import { type Fault, randomOf } from "./fault.ts";

/** What is put in, and how to do it to a copy of the folder. */
interface Single {
  readonly kind: Kind;
  readonly damage: DamageName;
  /** Where, for people. */
  readonly place: string;
  readonly put: (data: string) => Promise<void>;
  /** Of a Parquet file: its bytes before and after. */
  readonly parquet: readonly [Buffer, Buffer | null] | null;
}

/** How the ways to read ended, together. */
const outcomes = ["loud", "said", "unread", "wrong"] as const;
type Outcome = (typeof outcomes)[number];

const allKinds = Object.keys(kinds) as Kind[];
/** LMDB keeps a value with its key, so a value of another key is no fault of a file. */
const ofValues: readonly DamageName[] = ["flipped bit", "zeroed sector", "truncated", "emptied", "removed"];

class Faults {
  readonly #pristine: Pristine;
  readonly #seed: number;
  readonly #files: readonly string[];
  readonly #values: readonly LogValue[];

  constructor(from: Pristine, seed: number, values: readonly LogValue[]) {
    this.#pristine = from;
    this.#seed = seed;
    this.#files = filesBelow(from.world.store.root);
    this.#values = values;
  }

  /** A fault by its number: kinds in turn, then damages in turn, everything else by chance. */
  single(number: number, random: () => number): Single {
    const kind = allKinds[number % allKinds.length]!;
    const possible = this.#possible(kind);
    const damage = possible[Math.floor(number / allKinds.length) % possible.length]!;
    for (let tries = 0; tries < 100; tries++) {
      const found = this.#draw(kind, damage, random);
      if (found) return found;
    }
    throw new Error(`no ${kind} can be ${damage}`);
  }

  #possible(kind: Kind): readonly DamageName[] {
    if (kind === "log value") return ofValues;
    const alike = this.#alike(kind);
    const names = Object.keys(damages) as DamageName[];
    return names.filter((damage) => {
      if (damage === "stale") return alike.some((name) => this.#pristine.older.has(name));
      return alike.length > 1 || (damage !== "exchanged" && damage !== "another's content");
    });
  }

  #alike(kind: Kind): string[] {
    return this.#files.filter((name) => kinds[kind].test(name));
  }

  /** Null where the bytes stay as they are. */
  #draw(kind: Kind, damage: DamageName, random: () => number): Single | null {
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    if (kind === "log value") {
      const value = pick(this.#values);
      const name = `${value.database} ${JSON.stringify(value.key)}`;
      const changed = damages[damage]({ pristine: this.#pristine, alike: [], name, bytes: value.bytes, random });
      const bytes = changed?.files.get(name);
      if (bytes === undefined || bytes?.equals(value.bytes)) return null;
      const put = (data: string) => damageLogValue(data, value, bytes);
      return { kind, damage, place: `${name} ${changed!.place}`, put, parquet: null };
    }
    const alike = this.#alike(kind);
    const name = pick(alike);
    const bytes = readFileSync(this.#pristine.world.store.path(name));
    const changed = damages[damage]({ pristine: this.#pristine, alike, name, bytes, random });
    const damaged = changed?.files.get(name);
    if (damaged === undefined || damaged?.equals(bytes)) return null;
    const put = async (data: string) => {
      for (const [each, content] of changed!.files) {
        if (content) writeFileSync(join(data, each), content);
        else rmSync(join(data, each));
      }
    };
    const parquet = name.endsWith(".parquet") ? ([bytes, damaged] as const) : null;
    return { kind, damage, place: `${name} ${changed!.place}`, put, parquet };
  }

  /** Reads a copy of the folder in which this was put in; without it, the copy as it is. */
  async read(number: number, single: Single | null): Promise<Reading> {
    const { world, past } = this.#pristine;
    const data = join(world.dir, "copy");
    // a copy has no hard links: what is damaged is damaged under one name
    cpSync(join(world.dir, "data"), data, { recursive: true, filter: (path) => !path.endsWith("lock.mdb") });
    const reading = new Reading(world, randomOf(this.#seed * 7919 + number));
    const before = { store: world.store, log: world.log };
    try {
      await single?.put(data);
      world.log = new EmbeddedLog(join(data, "log"), { now: () => world.now });
      await reading.everyWay(past, () => Store.open(data, { durable: false }));
    } finally {
      await world.log.close();
      Object.assign(world, before);
      rmSync(data, { recursive: true, force: true });
    }
    return reading;
  }
}

/** What is said of a whole folder, without what differs from run to run. */
const worded = (line: string) => line.replace(/\d+/g, "#");

export const corruption: Fault = {
  name: "corruption",
  promise: "a damaged file is complained of or told again, never answered from",
  how: "one file at a time of every kind: bits flipped, sectors zeroed, cut, exchanged, replaced by another's or an older content, emptied, removed",
  full: 1500,
  short: 32,
  async run({ n, seed, say }) {
    const from = await pristine(seed);
    const { world } = from;
    await world.log.close();
    const control = new PlainParquet(world.dir);
    const failures: string[] = [];
    const counts = new Map<string, Record<Outcome, number>>();
    const plain = { error: 0, same: 0, wrong: 0 };
    let [answers, put] = [0, 0];
    try {
      const faults = new Faults(from, seed, await logValues(world.store.root));
      const usual = new Set<string>();
      for (let i = 0; i < 6; i++) {
        const { loud, said, wrong } = await faults.read(-1 - i, null);
        for (const line of [...loud, ...wrong]) failures.push(`seed ${seed}, nothing damaged: ${line}`);
        for (const line of said) usual.add(worded(line));
      }
      const at = process.env.AT;
      const numbers = at ? [Number(at)] : Array.from({ length: n }, (_, number) => number);
      for (const number of numbers) {
        const single = faults.single(number, randomOf(seed * 104_729 + number));
        const reading = await faults.read(number, single);
        const news = reading.said.filter((line) => !usual.has(worded(line)));
        const outcome: Outcome =
          reading.wrong.length > 0 ? "wrong" : reading.loud.length > 0 ? "loud" : news.length > 0 ? "said" : "unread";
        for (const what of [single.kind, single.damage]) {
          const count = counts.get(what) ?? { loud: 0, said: 0, unread: 0, wrong: 0 };
          count[outcome]++;
          counts.set(what, count);
        }
        const where = `seed ${seed}, AT=${number}, ${single.kind} ${single.damage}, ${single.place}`;
        for (const line of reading.wrong) failures.push(`${where}: ${line}`);
        if (single.parquet) plain[await control.compare(...single.parquet)]++;
        answers += reading.answers;
        put++;
        if (at) say(`${where}: ${outcome}\n${[...reading.loud, ...news, ...reading.wrong].join("\n")}`);
        else if (put % 100 === 0) say(`${put} of ${n}, ${failures.length} failures`);
      }
    } catch (error) {
      failures.push(`seed ${seed}, after ${put} faults: ${messageOf(error)}`);
    } finally {
      await control.close();
      await world.close();
    }
    const facts: Record<string, string | number> = { "answers equal to the oracle": answers };
    for (const [what, count] of counts)
      facts[what] = outcomes.filter((each) => count[each] > 0).map((each) => `${count[each]} ${each}`).join(", "); // biome-ignore format: a line
    const read = plain.error + plain.same + plain.wrong;
    facts["plain DuckDB on the same Parquet files"] =
      `${plain.wrong} of ${read} other rows and no error (${Math.round((100 * plain.wrong) / (read || 1))} %), ${plain.error} an error, ${plain.same} the same rows`;
    return { n: put, failures, facts };
  },
};
