/** Processes that work in the background, at a lower priority than serving's own answers. */
import { setPriority } from "node:os";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const niceness = 10;

/**
 * @param url of the file that starts the process, in the same folder
 * @returns the script's path, and node's arguments for it: TypeScript sources need a loader
 */
export function fileBeside(url: string, name: string): { readonly path: string; readonly loader: readonly string[] } {
  const ending = extname(fileURLToPath(url));
  return {
    path: fileURLToPath(new URL(`./${name}${ending}`, url)),
    loader: ending === ".ts" ? ["--import", "jiti/register"] : [],
  };
}

/**
 * Of this process, and of processes that it starts later. To be called once its code is loaded,
 * since a start at low priority takes up to ten times as long.
 */
export function lowerPriority(): void {
  setPriority(niceness);
}
