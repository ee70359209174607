/**
 * Damaged files: one at a time, of every kind in a data folder, in every way. The reader reports it, or
 * answers as the oracle does at the answer's own position. SEED=… AT=… puts in a single fault, by its number,
 * and prints how each way ended.
 */
import { messageOf } from "../../shared/errors.ts";
import { Faults } from "./corruption/faults.ts";
import { PlainParquet } from "./corruption/plain-parquet.ts";
import { pristine } from "./corruption/pristine.ts";
import type { Fault } from "./fault.ts";

/**
 * How all that read a damaged file ended. loud: a TidemarkError. healed: something was said, or the file made
 * again, and nothing was lost. quiet: it is no part of what was read, or of less, at a smaller position.
 * Whatever they are, the answers were right; but wrong.
 */
const outcomes = ["loud", "healed", "quiet", "wrong"] as const;
type Outcome = (typeof outcomes)[number];

/** Readings of the undamaged folder: all of them are right, and what they say is what is usual. */
const undamaged = 5;

/** A line without what differs from run to run. */
const worded = (line: string) => line.replace(/\d+/g, "#");

export const corruption: Fault = {
  name: "corruption",
  promise: "a damaged file is reported or recomputed, never answered from",
  how: "one file at a time, of every kind: bits flipped, sectors zeroed, truncated, exchanged, another's or older content, emptied, removed",
  full: 1500,
  short: 30,
  async run({ n, seed, say }) {
    const at = process.env.AT;
    const numbers = at ? [Number(at)] : Array.from({ length: n }, (_, number) => number);
    const failures: string[] = [];
    const counts = new Map<string, Record<Outcome, number>>();
    const all = { loud: 0, healed: 0, quiet: 0, wrong: 0 };
    const plain = { wrong: 0, error: 0, same: 0 };
    let [answers, done] = [0, 0];
    const from = await pristine(seed);
    const control = new PlainParquet(from.world.dir);
    try {
      const faults = await Faults.open(from, seed);
      const usual = new Set<string>();
      for (let i = 1; i <= undamaged; i++) {
        const { loud, said, wrong } = (await faults.read(-i, null)).reading;
        for (const line of [...loud, ...wrong]) failures.push(`seed ${seed}, AT=-${i}, nothing damaged: ${line}`);
        for (const line of said) usual.add(worded(line));
      }
      for (const number of numbers) {
        const single = faults.single(number);
        const { reading, repaired } = await faults.read(number, single);
        const news = reading.said.filter((line) => !usual.has(worded(line)));
        const { loud, wrong } = reading;
        const quiet = !repaired && news.length === 0;
        const outcome = wrong.length > 0 ? "wrong" : loud.length > 0 ? "loud" : quiet ? "quiet" : "healed";
        all[outcome]++;
        for (const what of [single.kind, single.damage]) {
          const count = counts.get(what) ?? { loud: 0, healed: 0, quiet: 0, wrong: 0 };
          count[outcome]++;
          counts.set(what, count);
        }
        const where = `seed ${seed}, AT=${number}, ${single.kind} ${single.damage}, ${single.place}`;
        for (const line of wrong) failures.push(`${where}: ${line}`);
        if (single.name.endsWith(".parquet")) plain[await control.compare(single.bytes, single.damaged)]++;
        answers += reading.answers;
        done++;
        if (at) process.stdout.write(`${[`${where}: ${outcome}`, ...loud, ...news, ...wrong].join("\n  ")}\n`);
        else if (done % 100 === 0) say(`${done} of ${n}, ${failures.length} failures`);
      }
    } catch (error) {
      failures.push(`seed ${seed}, after ${done} faults: ${messageOf(error)}`);
    } finally {
      await control.close();
      await from.world.close();
    }
    const parquet = plain.wrong + plain.error + plain.same;
    const facts = {
      ...all,
      "answers equal to the oracle": answers,
      ...Object.fromEntries([...counts].map(([what, count]) => [what, textOf(count)])),
      "plain DuckDB, same Parquet faults": `${plain.wrong} of ${parquet} (${Math.round((100 * plain.wrong) / (parquet || 1))} %) other rows and no error, ${plain.error} an error, ${plain.same} the same rows`,
    };
    return { n: done, failures, facts };
  },
};

function textOf(count: Readonly<Record<Outcome, number>>): string {
  const found = outcomes.filter((each) => count[each] > 0);
  return found.map((each) => `${count[each]} ${each}`).join(", ");
}
