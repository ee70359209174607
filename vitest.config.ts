import { defineConfig } from "vitest/config";
import LongFirst from "./test/support/long-first.ts";

/** What measures how far answers are behind. */
const alone = ["test/faults/soak.slow.test.ts"];

const inMemory = ["names", "batch", "speed", "rebuild", "damage", "takeover-gap", "kept-twice"].map(
  (name) => `test/pipeline/${name}.test.ts`,
);

const fast = {
  pool: "forks" as const,
  // all cores: what is tested is seldom limited by anything else
  maxWorkers: "100%",
  // the files of a worker share what they import, which is a sixth of their time else; none of them mocks a module
  isolate: false,
  testTimeout: 40_000,
  hookTimeout: 40_000,
  setupFiles: ["./test/support/no-warnings.ts"],
};

/** What sets the clock, which would run what other files have left waiting. */
const clocked = ["pipeline/daemon", "pipeline/clocks", "sources/scheduled-verify", "serving/waiting"].map(
  (name) => `test/${name}.test.ts`,
);

const slow = {
  include: ["test/**/*.slow.test.ts"],
  pool: "forks" as const,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  setupFiles: ["./test/support/no-warnings.ts"],
  // what is waited for comes later on a busy machine
  expect: { poll: { timeout: 20_000 } },
};

/** Which shares are drawn of what runs whole elsewhere; see test/support/share.ts. */
process.env.SHARE ||= String(1 + Math.floor(Math.random() * 1e6));

/** Two lanes: fast; then slow (real processes, a real broker), three files at a time, since they wait more than they work. */
export default defineConfig({
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          ...fast,
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.slow.test.ts", ...clocked],
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...fast, name: "clocks", include: clocked, isolate: true, sequence: { groupOrder: 0 } } },
      {
        // what a store does for the pipeline, of the store that is no folder; all of it: make test-memory
        test: {
          ...fast,
          name: "memory",
          include: inMemory,
          env: { STORE: "memory" },
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...slow,
          name: "slow",
          exclude: alone,
          maxWorkers: 3,
          globalSetup: ["./test/support/broker-server.ts"],
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...slow, name: "slow-alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
