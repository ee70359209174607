/** A Python of the tests' own, with packages from PyPI: made once, in .cache. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const packages = ["schemathesis==4.32.5", "pyarrow==26.0.1"];
const folder = join(import.meta.dirname, "../../.cache/python");
const made = join(folder, `made-${packages.join("-").replaceAll(/[^\w.-]/g, "_")}`);

/** The folder of its programs; null: it can't be had here. @throws in CI, where that must not be passed over */
export function pythonBin(): string | null {
  const bin = join(folder, "bin");
  if (existsSync(made)) return bin;
  mkdirSync(folder, { recursive: true });
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: "pipe", encoding: "utf8" });
  process.stdout.write(`python: installing ${packages.join(", ")}\n`);
  const steps = [() => run("python3", "-m", "venv", folder), () => run(join(bin, "pip"), "install", "-q", ...packages)];
  for (const step of steps) {
    const { status, stderr, error } = step();
    if (status === 0) continue;
    const line = `SKIPPED: no Python with ${packages.join(" and ")}: ${error?.message ?? stderr.trim().split("\n").at(-1)}`;
    if (process.env.CI) throw new Error(line);
    process.stdout.write(`python: ${line}\n`);
    return null;
  }
  writeFileSync(made, "");
  return bin;
}
