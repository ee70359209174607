/** Size and hash of files, and what a difference is called. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { TidemarkError } from "../errors.ts";
import type { FileRef } from "./store.ts";

export type Digest = Pick<FileRef, "bytes" | "sha256">;

/** Of a file at a path. Most files are small, and there may be thousands: no more memory is taken than a file fills. */
export async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size + 1, 1 << 20));
    for (let bytes = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return { bytes, sha256: hash.digest("hex") };
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** As Store.check, of a file that lies at `path`. @throws STORE_MISSING, STORE_CORRUPT */
export async function checkAt(path: string, file: FileRef): Promise<void> {
  let found: Digest;
  try {
    found = await digestOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw missing(file.name);
    throw error;
  }
  expectSame(file, found);
}

/** @throws STORE_CORRUPT */
export function expectSame(file: FileRef, found: Digest): void {
  if (found.bytes === file.bytes && found.sha256 === file.sha256) return;
  const what =
    found.bytes !== file.bytes
      ? `has ${found.bytes} bytes instead of ${file.bytes}`
      : "has another hash than its manifest says";
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${file.name} ${what}: the file is damaged`,
    "derived files can be rebuilt from the log: remove it and run batch, or restart speed",
    { file: file.name },
  );
}

export function missing(name: string): TidemarkError {
  return new TidemarkError(
    "STORE_MISSING",
    `${name} is missing from the store`,
    "derived files can be rebuilt from the log: run batch, or restart speed",
    { file: name },
  );
}
