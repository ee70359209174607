import { defineConfig } from "vitest/config";

/** Two lanes: fast, in parallel; then slow (real processes, a real broker), one file at a time. */
export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.slow.test.ts"],
          pool: "forks",
          // all cores: what is tested is seldom limited by anything else
          maxWorkers: "100%",
          testTimeout: 40_000,
          hookTimeout: 40_000,
          setupFiles: ["./test/support/no-warnings.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "slow",
          include: ["test/**/*.slow.test.ts"],
          pool: "forks",
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 120_000,
          setupFiles: ["./test/support/no-warnings.ts"],
          hookTimeout: 120_000,
          // what is waited for comes later on a busy machine
          expect: { poll: { timeout: 20_000 } },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
