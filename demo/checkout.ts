import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A path of the checkout, found from the sources and from the built files. */
export function inCheckout(path: string, sought: string = path): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, sought))) return join(folder, path);
    if (folder === dirname(folder)) throw new Error(`cannot find ${sought}; run: npm ci`);
  }
}
