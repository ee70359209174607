import { readFileSync } from "node:fs";

/** The version in package.json, which lies one folder up from the sources and two from the built files. */
export function packageVersion(): string {
  const root = import.meta.url.endsWith(".ts") ? "../package.json" : "../../package.json";
  const manifest: { version: string } = JSON.parse(readFileSync(new URL(root, import.meta.url), "utf8"));
  return manifest.version;
}
