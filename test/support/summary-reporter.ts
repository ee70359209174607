import type { Reporter, SerializedError, TestModule } from "vitest/node";

/**
 * Closes a run with one line, `N passed, N failed, N skipped`, the last one printed. What fails outside a test (a file that
 * does not load, an unhandled error) counts as a failure; a run without a single test fails.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === "pending" ? "skipped" : state]++;
      }
    }
    // Other reporters, and vitest itself, may print until the very end.
    process.once("exit", () => {
      if (count.passed + count.failed === 0) process.exitCode = 1;
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
