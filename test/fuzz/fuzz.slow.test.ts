/** As many random views as fit in FUZZ_SECONDS. SEED=… chooses others; `make fuzz` runs a given number. */
import { expect, test } from "vitest";
import { Run } from "./run.ts";

const seconds = Number(process.env.FUZZ_SECONDS ?? 15);
const seed = Number(process.env.SEED ?? 1);

test(
  `random views, seed ${seed}`,
  async () => {
    const run = new Run({ seed, views: Number(process.env.N ?? 5000), seconds, lanes: 2, say: console.info });
    await run.go();
    expect(run.failures).toEqual([]);
    // a grammar that only makes nonsense would prove nothing
    expect(run.compared).toBeGreaterThan(seconds);
  },
  (seconds + 120) * 1000,
);
