/** Processes that work behind the answers: they are files of ours, and serving goes first. */
import { setPriority } from "node:os";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const niceness = 10;

/**
 * @param url of the file that starts it, beside which it lies.
 * @returns its path, and node's arguments for it: sources need a loader
 */
export function fileBeside(url: string, name: string): { readonly path: string; readonly loader: readonly string[] } {
  const ending = extname(fileURLToPath(url));
  return {
    path: fileURLToPath(new URL(`./${name}${ending}`, url)),
    loader: ending === ".ts" ? ["--import", "jiti/register"] : [],
  };
}

/**
 * This process, and what it starts from here on. To be called once its code is loaded: nobody is
 * served by a start that takes ten times as long.
 */
export function lowerPriority(): void {
  setPriority(niceness);
}
