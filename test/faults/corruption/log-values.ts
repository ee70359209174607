/** The values that the embedded log keeps, damaged within its file. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Database, open as openLmdb } from "lmdb";

type Key = string | (string | number)[];
type Values = Database<Buffer, Key>;

export interface LogValue {
  readonly database: string;
  readonly key: Key;
  readonly bytes: Buffer;
}

/** Closed when this resolves: a process has one environment for a folder. */
async function withDatabases<T>(data: string, work: (open: (name: string) => Values) => T): Promise<T> {
  const root = openLmdb<Buffer, Key>({ path: join(data, "log"), noSubdir: false, encoding: "binary", maxDbs: 4 });
  try {
    return work((name) => root.openDB(name, { encoding: "binary", cache: false }));
  } finally {
    await root.close();
  }
}

export function logValues(data: string): Promise<LogValue[]> {
  return withDatabases(data, (open) =>
    ["streams", "places", "blocks"].flatMap((name) =>
      [...open(name).getRange()].map(({ key, value }) => ({ database: name, key, bytes: Buffer.from(value) })),
    ),
  );
}

/**
 * Bytes of the same length are changed in the file itself, in old pages too; others are put, or taken out, as a
 * value.
 */
export async function damageLogValue(
  data: string,
  { database, key, bytes }: LogValue,
  damaged: Buffer | null,
): Promise<void> {
  if (damaged?.length !== bytes.length) {
    await withDatabases(data, (open) => {
      if (damaged) open(database).putSync(key, damaged);
      else open(database).removeSync(key);
    });
    return;
  }
  const path = join(data, "log", "data.mdb");
  const file = readFileSync(path);
  let found = 0;
  for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + bytes.length)) {
    damaged.copy(file, at);
    found++;
  }
  if (found === 0) throw new Error(`${database} ${JSON.stringify(key)} is not found in ${path}`);
  writeFileSync(path, file);
}
