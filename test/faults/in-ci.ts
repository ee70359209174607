import { expect, test } from "vitest";
import type { Fault } from "./fault.ts";

/**
 * The short share of a fault as a test that prints N, the seed and what was counted. SEED and N repeat a run.
 * @param drawn the seed where none is given
 */
export function testFault(fault: Fault, drawn = 1): void {
  const [n, seed] = [Number(process.env.N || fault.short), Number(process.env.SEED || drawn)];
  test(`${fault.name}: ${fault.promise}`, { timeout: 30 * 60_000 }, async (context) => {
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
