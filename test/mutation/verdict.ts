/** Runs test files in a copy until the first failure, and says which test failed. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A fault may make a loop endless: that is noticed too. */
const secondsMax = 240;

/** The first test that fails, or null where all pass. */
export async function firstFailure(dir: string, files: readonly string[], named = ""): Promise<string | null> {
  const report = join(dir, "report.json");
  const args = [
    "run",
    "--project",
    "fast",
    "--project",
    "clocks",
    "--bail",
    "1",
    "--reporter",
    "json",
    "--outputFile",
    report,
    ...files,
  ];
  if (named !== "") args.push("--testNamePattern", named);
  const child = spawn(join(dir, "node_modules/.bin/vitest"), args, {
    cwd: dir,
    stdio: "ignore",
    detached: true,
    // the same random runs each time
    env: { ...process.env, TIDEMARK_SEED: "1", SEED: "1", FULL: "1" },
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.kill(-child.pid!, "SIGKILL");
  }, secondsMax * 1000);
  const code = await new Promise<number | null>((resolve, reject) => child.on("exit", resolve).on("error", reject));
  clearTimeout(timer);
  if (late) return `no end after ${secondsMax} s`;
  if (code === 0) return null;
  return failedIn(report) ?? "a test file that does not load";
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function failedIn(report: string): string | null {
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  for (const { assertionResults } of testResults) {
    const failed = assertionResults.find((each) => each.status === "failed");
    if (failed) return failed.fullName.replace(/\s+/g, " ");
  }
  return null;
}
