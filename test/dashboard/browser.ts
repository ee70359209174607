/** A real Chromium: Debian's, installed where that can be done, else loudly missing. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

function find(): string | undefined {
  return [process.env.CHROMIUM ?? "", ...places].find((place) => place !== "" && existsSync(place));
}

/** Null: there is none and none can be had. @throws in CI, where that must not be passed over */
export async function openBrowser(): Promise<Browser | null> {
  let path = find();
  if (!path && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    process.stdout.write("dashboard: installing chromium\n");
    for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]])
      spawnSync("apt-get", args, { stdio: "ignore" });
    path = find();
  }
  if (path) return chromium.launch({ executablePath: path, args: ["--no-sandbox"] });
  const line = "SKIPPED: no Chromium; install it (apt-get install chromium), or name one with CHROMIUM=";
  if (process.env.CI) throw new Error(line);
  process.stdout.write(`dashboard: ${line}\n`);
  return null;
}
