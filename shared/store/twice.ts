/**
 * Small files that are written once and name all others are kept twice: the manifests of versions, archive
 * files and reference tables, and origins. A reader that finds the first damaged or missing reads its copy, and
 * batch restores one from the other. The first is the commit; a copy is made after it and removed before it, so
 * that no copy exists of what is not published yet or has been removed.
 */
import { isCode, type TidemarkError } from "../errors.ts";
import { layout, type OriginFile, type Segment, type VersionManifest } from "./layout.ts";
import { corruptFile, unseal } from "./sealed.ts";
import type { FileRef, Store } from "./store.ts";

/** Something wrong with a file that is kept twice. */
export interface Flaw {
  /** Which of the two. */
  readonly file: string;
  readonly why: string;
  /** True where the other one is whole: nothing is lost. */
  readonly mendable: boolean;
  /** False for a copy that is only missing: it has not been made yet. */
  readonly damage: boolean;
}

/** Which name content belongs to, by folder: whole content may be another file's. */
const belongs: readonly (readonly [RegExp, (value: never, name: string) => boolean])[] = [
  [/^versions\//, ({ number }: VersionManifest, name) => layout.version(number) === name],
  [/^origins\//, ({ stream }: OriginFile, name) => layout.origin(stream) === name],
  [/^archive\//, ({ stream, partition, from }: Segment, name) => layout.segment(stream, partition, from) === name],
  [/^references\//, ({ file }: { file: FileRef }, name) => file.name.startsWith(`${name.replace(/\.json$/, "")}-`)],
];

/** Makes it, durably; false where it was there. */
export async function createTwice(store: Store, name: string, sealed: string): Promise<boolean> {
  const mine = await store.createIfAbsent(name, sealed);
  if (mine) await store.createIfAbsent(layout.copy(name), sealed);
  return mine;
}

export async function replaceTwice(store: Store, name: string, sealed: string): Promise<void> {
  await store.replace(name, sealed, { durable: true });
  await store.replace(layout.copy(name), sealed, { durable: true });
}

/** @returns null where there is neither. @throws STORE_CORRUPT where neither is whole */
export async function readTwice<T>(store: Store, name: string): Promise<T | null> {
  const first = await readOne<T>(store, name, name);
  if (first && "value" in first) return first.value;
  const second = await readOne<T>(store, layout.copy(name), name);
  if (second && "value" in second) return second.value;
  const damaged = first ?? second;
  if (damaged) throw damaged.error;
  return null;
}

/** Names in a folder of either. */
export async function listTwice(store: Store, folder: string): Promise<string[]> {
  const [first, second] = await Promise.all([store.list(folder), store.list(layout.copy(folder))]);
  return second.every((name) => first.includes(name)) ? first : [...new Set([...first, ...second])].sort();
}

export async function existsTwice(store: Store, name: string): Promise<boolean> {
  return (await store.exists(name)) || store.exists(layout.copy(name));
}

export async function removeTwice(store: Store, name: string): Promise<void> {
  await store.remove(layout.copy(name));
  await store.remove(name);
  // another process may have restored it in between
  await store.remove(layout.copy(name));
}

/** What is wrong with either. */
export async function flawsOf(store: Store, name: string): Promise<Flaw[]> {
  const copy = layout.copy(name);
  const [first, second] = [await store.read(name), await store.read(copy)];
  // both are gone: removed meanwhile
  if (!first && !second) return [];
  const [one, two] = [judge(first, name, name), judge(second, copy, name)];
  const flaws: Flaw[] = [];
  if (one !== null) flaws.push({ file: name, why: one, mendable: two === null, damage: true });
  if (two !== null) flaws.push({ file: copy, why: two, mendable: one === null, damage: second !== null });
  if (one === null && two === null && !first!.equals(second!))
    flaws.push({ file: copy, why: "says something else than what it is a copy of", mendable: true, damage: true });
  return flaws;
}

/** Restores one from the other, where that is whole. @returns the files that were restored */
export async function mend(store: Store, name: string): Promise<string[]> {
  const flaws = (await flawsOf(store, name)).filter((each) => each.mendable);
  for (const { file } of flaws) {
    const other = await store.read(file === name ? layout.copy(name) : name);
    // removed meanwhile: it is not kept any more
    if (!other) continue;
    await store.replace(file, other.toString(), { durable: true });
    if (file !== name && !(await store.exists(name))) await store.remove(file);
  }
  return flaws.map((each) => each.file);
}

/** Everything that is kept twice. `often`: without the archive's, which are many. */
export async function namesTwice(store: Store, which: "often" | "all"): Promise<string[]> {
  const folders: string[] = [layout.versions, layout.origins, layout.references];
  if (which === "all") {
    for (const stream of await listTwice(store, layout.archive))
      for (const partition of await listTwice(store, `${layout.archive}/${stream}`))
        folders.push(`${layout.archive}/${stream}/${partition}`);
  }
  const found: string[] = [];
  for (const folder of folders)
    for (const name of await listTwice(store, folder)) if (name.endsWith(".json")) found.push(`${folder}/${name}`);
  return found;
}

/** Why the content of `file` is not that of `name`; null: it is. */
function judge(bytes: Buffer | null, file: string, name: string): string | null {
  if (!bytes) return "is missing";
  try {
    contentOf(bytes, file, name);
    return null;
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT")) throw error;
    return error.message.slice(file.length + 1);
  }
}

async function readOne<T>(
  store: Store,
  file: string,
  name: string,
): Promise<{ readonly value: T } | { readonly error: TidemarkError } | null> {
  const bytes = await store.read(file);
  if (!bytes) return null;
  try {
    return { value: contentOf<T>(bytes, file, name) };
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT")) throw error;
    return { error };
  }
}

function contentOf<T>(bytes: Buffer, file: string, name: string): T {
  const test = belongs.find(([pattern]) => pattern.test(name))?.[1] as
    | ((value: T, name: string) => boolean)
    | undefined;
  if (!test) throw corruptFile(file, "is not of a kind that is kept twice");
  return unseal<T>(bytes.toString(), file, (value) => isOf(test, value, name));
}

/** Content of another kind lacks the fields that `test` reads, so `test` may throw. */
function isOf<T>(test: (value: T, name: string) => boolean, value: T, name: string): boolean {
  try {
    return test(value, name);
  } catch {
    return false;
  }
}
