import { expect, test } from "vitest";
import type { Fault } from "./fault.ts";

/**
 * The short share of a fault as a test that prints N, the seed and what was counted. SEED and N repeat a run.
 * @param part of several files that run beside each other, which one this is: each has seeds of its own
 */
export function testFault(fault: Fault, part = { number: 0, of: 1 }): void {
  const all = Number(process.env.N || fault.short);
  const n = part.of === 1 ? all : Math.ceil(all / part.of);
  const seed = Number(process.env.SEED || 1) + part.number * n;
  test(`${fault.name}, from seed ${seed}: ${fault.promise}`, { timeout: 30 * 60_000 }, async (context) => {
    const report = await fault.run({ n, seed, say: () => undefined });
    if (report.skipped) {
      if (process.env.CI && !report.mayLack) throw new Error(`${fault.name} can't be skipped in CI: ${report.skipped}`);
      process.stdout.write(`SKIPPED ${fault.name}: ${report.skipped}\n`);
      context.skip();
    }
    process.stdout.write(`${fault.name}: N=${report.n} SEED=${seed} ${JSON.stringify(report.facts)}\n`);
    expect(report.failures).toEqual([]);
    expect(report.n).toBeGreaterThan(0);
  });
}
