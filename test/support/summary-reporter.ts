import type { Reporter, SerializedError, TestModule } from "vitest/node";

const slowestShown = 20;
const slowestMin = 10;

/**
 * Prints the slowest tests of a run of many files, and closes it with one line, `N passed, N failed, N skipped`, the
 * last one printed. What fails outside a test (a file that does not load, an unhandled error) counts as a failure, and
 * so does a run without a single test.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    const times: [ms: number, name: string][] = [];
    for (const module of modules) {
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === "pending" ? "skipped" : state]++;
        times.push([test.diagnostic()?.duration ?? 0, `${module.relativeModuleId} > ${test.name}`]);
      }
    }
    // Other reporters, and vitest itself, may print until the very end.
    process.once("exit", () => {
      if (count.passed + count.failed === 0) process.exitCode = 1;
      if (modules.length >= slowestMin) process.stdout.write(slowestOf(times));
      process.stdout.write(`shares of what runs whole elsewhere: SHARE=${process.env.SHARE}\n`);
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}

function slowestOf(times: readonly (readonly [ms: number, name: string])[]): string {
  const slowest = times.toSorted(([a], [b]) => b - a).slice(0, slowestShown);
  const lines = slowest.map(([ms, name]) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${name.slice(0, 140)}\n`);
  return `the slowest tests:\n${lines.join("")}`;
}
