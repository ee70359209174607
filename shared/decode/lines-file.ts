/**
 * Lines for DuckDB's reader to read as a file. They are raw events: the file has no name, or one that only this
 * user can get at, and goes with the process, however that ends. It lies in memory where the machine has such a
 * place and that has room, else on disk.
 */
import { constants, existsSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshName } from "../duckdb/duck.ts";
import { isDiskFull, TidemarkError } from "../errors.ts";
import { makeOwned, sweep } from "../owned.ts";

/** Linux takes 1024 at a time. */
const buffersPerWrite = 512;
const places: readonly string[] = existsSync("/dev/shm") ? ["/dev/shm", tmpdir()] : [tmpdir()];
/** A file that is open can be opened once more by its number, whether or not it has a name. */
const byNumber = existsSync("/proc/self/fd");
const nameless = constants.O_RDWR | constants.O_DIRECTORY | 0o20000000;
const folderPattern = /^tidemark-lines_[0-9a-f]{12}$/;

export interface LinesFile {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * @param among the folders to try, best first
 * @throws SCRATCH_FULL where none has room
 */
export async function linesFile(lines: readonly Buffer[], among: readonly string[] = places): Promise<LinesFile> {
  let failure: unknown = null;
  for (const place of among) {
    const file = await openIn(place).catch((error: unknown) => {
      failure = error;
    });
    if (!file) continue;
    try {
      for (let i = 0; i < lines.length; i += buffersPerWrite)
        await writeAll(file.handle, lines.slice(i, i + buffersPerWrite));
      return file;
    } catch (error) {
      await file.close();
      if (!isDiskFull(error)) throw error;
      failure = error;
    }
  }
  if (!isDiskFull(failure)) throw failure;
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  throw new TidemarkError(
    "SCRATCH_FULL",
    `no space left on device: ${bytes} bytes of records to decode fit into none of ${among.join(", ")}`,
    "make room in one of them, or name another folder with TMPDIR",
    { bytes, places: among },
    failure,
  );
}

async function openIn(place: string): Promise<LinesFile & { readonly handle: FileHandle }> {
  if (byNumber) {
    const handle = await open(place, nameless, 0o600).catch(() => null);
    if (handle) return { handle, path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
  }
  const path = join(await ownFolder(place), freshName("lines"));
  const handle = await open(path, "wx+", 0o600);
  const remove = () => rm(path, { force: true });
  if (!byNumber) return { handle, path, close: () => handle.close().finally(remove) };
  await remove();
  return { handle, path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

const folders = new Map<string, Promise<string>>();

/** Where files have names: in a folder that only this user may enter, and that goes with the process. */
function ownFolder(place: string): Promise<string> {
  const known = folders.get(place) ?? makeFolder(place);
  folders.set(place, known);
  known.catch(() => folders.delete(place));
  return known;
}

async function makeFolder(place: string): Promise<string> {
  await sweep(place, folderPattern);
  const folder = join(place, freshName("tidemark-lines"));
  await makeOwned(folder);
  return folder;
}

/** One call for many buffers; what it leaves out (a signal, a full disk) is written one by one. */
async function writeAll(handle: FileHandle, lines: readonly Buffer[]): Promise<void> {
  let { bytesWritten } = await handle.writev(lines);
  for (const each of lines) {
    if (bytesWritten < each.length) await handle.writeFile(each.subarray(bytesWritten));
    bytesWritten = Math.max(0, bytesWritten - each.length);
  }
}
