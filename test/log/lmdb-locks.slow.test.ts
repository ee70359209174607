/**
 * A process that opens an LMDB file at the moment when another closes it last finds locks that are out of use:
 * it must not be left with them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { openLmdb } from "../../shared/lmdb.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tidemark-locks-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const lmdb = createRequire(import.meta.url).resolve("lmdb");
/** Opens a file, writes a value, says "open", and closes it a while after a line of standard input. */
const holder = `
  const root = require(process.argv[1]).open({ path: process.argv[2], overlappingSync: false });
  root.putSync("a", 1);
  process.stdout.write("open");
  process.stdin.once("data", () => setTimeout(() => root.close().then(() => process.exit()), 200));
`;

/** As pthread_mutex_destroy leaves it: of a mutex that processes share, and that outlives its owner, no kind at all. */
function putOutOfUse(lockFile: string): void {
  const bytes = readFileSync(lockFile);
  let found = 0;
  for (let at = 0; at + 4 <= bytes.length; at += 4)
    if (bytes.readInt32LE(at) === 0x90) {
      bytes.writeInt32LE(-1, at);
      found++;
    }
  expect(found).toBeGreaterThan(0);
  writeFileSync(lockFile, bytes, { flag: "r+" });
}

it.each([true, false])("is opened again until there are new ones (read only: %s)", async (readOnly) => {
  const path = join(dir, "x.mdb");
  const child = spawn(process.execPath, ["-e", holder, lmdb, path], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  putOutOfUse(`${path}-lock`);
  child.stdin.write("\n");
  const root = openLmdb({ path, readOnly, overlappingSync: false });
  expect(root.get("a")).toBe(1);
  if (!readOnly) root.putSync("b", 2);
  await root.close();
});
