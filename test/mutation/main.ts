/**
 * `make mutate`: puts faults into copies of the sources, one at a time, and runs the tests that must notice.
 * ONLY=… runs those whose name has this in it.
 */
import { availableParallelism } from "node:os";
import { Copy } from "./copy.ts";
import type { Fault } from "./fault.ts";
import { faults } from "./faults.ts";
import { firstFailure } from "./verdict.ts";

const chosen = faults.filter((each) => each.name.includes(process.env.ONLY ?? ""));
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Runs one after the other, a few side by side. */
async function each<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = list.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
}

async function inCopy<T>(work: (copy: Copy) => Promise<T>): Promise<T> {
  const copy = Copy.make();
  try {
    return await work(copy);
  } finally {
    copy.remove();
  }
}

let caught = 0;
const run = async (fault: Fault) => {
  const started = performance.now();
  const by = await inCopy((copy) => {
    copy.put(fault);
    return firstFailure(copy.dir, fault.tests, fault.named);
  });
  if (by) caught++;
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  say(
    `${by ? "caught  " : "SURVIVED"}  ${seconds} s  ${fault.name.padEnd(52)}  ${by?.slice(0, 110) ?? fault.tests.join(" ")}`,
  );
};

/** Tests that fail anyway would notice anything. */
const sound = async ({ tests, named }: Fault) => {
  const failed = await inCopy((copy) => firstFailure(copy.dir, tests, named));
  if (failed) throw new Error(`${tests.join(" ")} ${named ?? ""} fails without a fault: ${failed}`);
};

const suites = new Map(chosen.map((fault) => [JSON.stringify([fault.tests, fault.named]), fault]));
await each([...suites.values()], sound);
say("all of these tests pass without a fault");
await each(chosen, run);
say(`${caught} of ${chosen.length} faults caught`);
process.exitCode = caught === chosen.length ? 0 : 1;
