/**
 * verify --files: every file that a kept version, a newest HEAD or the archive names, hashed; and every record
 * of the embedded log.
 */
import { readSegments } from "../archive/segments.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { places } from "../position.ts";
import { layout, type VersionManifest } from "../store/layout.ts";
import { logStream } from "../store/origin.ts";
import { filesOf } from "../store/partials.ts";
import type { FileRef, Store } from "../store/store.ts";
import { flawsOf, namesTwice } from "../store/twice.ts";
import { newestHead, newestVersion, readVersion, unlessCorrupt, versionNumbers } from "../store/versions.ts";

export interface FileVerdict {
  readonly file: string;
  /** What it is, with the offsets it holds where it is of the archive. */
  readonly what: string;
  readonly bytes: number;
  /** Null: it is whole. */
  readonly damage: string | null;
  /** What to do about it. */
  readonly todo: string;
}

const again = {
  twice: "batch makes it again from the other one of the two: tidemark repair",
  version: "batch makes it again from the archive: tidemark batch --once",
  reference: "batch makes it again from the project's reference folder: tidemark batch --once",
  delta: "speed recomputes it: restart speed, or let it run",
  archive: "make it again, as long as the log still holds these offsets: tidemark repair; else restore it from a copy",
  log: "restore the log's folder, or read these offsets from the archive",
} as const;

/** One verdict for each file, as it is reached. */
export async function* verifyFiles(store: Store, log: Log): AsyncGenerator<FileVerdict> {
  for (const name of await namesTwice(store, "all")) yield* bothOf(store, name);
  for (const number of await versionNumbers(store)) {
    const manifest = await readVersion(store, number).catch(unlessCorrupt);
    if (manifest) yield* filesOfVersion(store, manifest);
  }
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (!newest) return;
  for (const { stream, partition, offset } of places(newest.origin))
    yield* filesOfArchive(store, stream, partition, offset);
  if (log.kind === "embedded") for (const stream of newest.definition.streams) yield* recordsOf(log, logStream(stream));
}

/** A file that is kept twice. */
async function* bothOf(store: Store, name: string): AsyncGenerator<FileVerdict> {
  const flaws = await flawsOf(store, name);
  const todo = (mendable: boolean) =>
    mendable ? again.twice : name.startsWith(`${layout.versions}/`) ? again.version : "restore it from a copy";
  const verdict = (file: string): FileVerdict => {
    const flaw = flaws.find((each) => each.file === file && each.damage);
    const what = file === name ? whatIs(name) : `copy of the ${whatIs(name)}`;
    const damage = flaw ? `${file} ${flaw.why}` : null;
    return { file, what, bytes: 0, damage, todo: todo(flaw?.mendable ?? false) };
  };
  yield verdict(name);
  if (await store.exists(layout.copy(name))) yield verdict(layout.copy(name));
}

function whatIs(name: string): string {
  const [folder, ...rest] = name.replace(/\.json$/, "").split("/");
  if (folder === layout.versions) return `manifest of version ${Number(rest[0])}`;
  if (folder === layout.origins) return `origin of stream ${rest[0]}`;
  if (folder === layout.references) return "manifest of a reference table";
  return `manifest of the archive of ${rest[0]} partition ${rest[1]} from offset ${Number(rest[2])}`;
}

async function* filesOfVersion(store: Store, manifest: VersionManifest): AsyncGenerator<FileVerdict> {
  const of = `version ${manifest.number}`;
  for (const [view, { file }] of Object.entries(manifest.views))
    if (file) yield await hashed(store, file, `view ${view} of ${of}`, again.version);
  for (const { name, file } of manifest.definition.references)
    yield await hashed(store, file, `reference table ${name} of ${of}`, again.reference);
  for (let shard = 0; shard < manifest.definition.shards; shard++) {
    let files: readonly FileRef[] = [];
    const what = `HEAD of shard ${shard} of ${of}`;
    const verdict = await judged(
      `${layout.generations(manifest.number, shard)}/…/HEAD`,
      what,
      0,
      again.delta,
      async () => {
        files = (await newestHead(store, manifest.number, shard))?.entries.flatMap(filesOf) ?? [];
      },
    );
    if (verdict.damage) yield verdict;
    for (const file of files) yield await hashed(store, file, `delta of shard ${shard} of ${of}`, again.delta);
  }
}

async function* filesOfArchive(
  store: Store,
  stream: string,
  partition: number,
  origin: number,
): AsyncGenerator<FileVerdict> {
  const where = `archive of ${stream} partition ${partition}`;
  let segments: Awaited<ReturnType<typeof readSegments>> = [];
  const verdict = await judged(layout.segments(stream, partition), where, 0, again.archive, async () => {
    segments = await readSegments(store, stream, partition, origin);
  });
  if (verdict.damage) yield verdict;
  for (const { file, from, upto } of segments)
    yield await hashed(store, file, `${where}, offsets ${from} to ${upto}`, again.archive);
}

async function* recordsOf(log: Log, stream: Parameters<Log["first"]>[0]): AsyncGenerator<FileVerdict> {
  const [first, end] = [await log.first(stream), await log.end(stream)];
  for (const [partition, from] of first.entries()) {
    const what = `records of ${stream.name} partition ${partition}, offsets ${from} to ${end[partition]!}`;
    let bytes = 0;
    const verdict = await judged(`embedded log, ${stream.name}/${partition}`, what, 0, again.log, async () => {
      const reader = await log.read(stream, new Map([[partition, from]]));
      try {
        for (let at = from; at < end[partition]!; ) {
          const batches = await reader.next(16 << 20, 1000);
          if (batches.length === 0) throw new Error(`it gives nothing from offset ${at} on`);
          bytes += batches.reduce((sum, batch) => sum + batch.bytes, 0);
          at = batches.at(-1)!.upto;
        }
      } finally {
        await reader.close();
      }
    });
    yield { ...verdict, bytes };
  }
}

function hashed(store: Store, file: FileRef, what: string, todo: string): Promise<FileVerdict> {
  return judged(file.name, what, file.bytes, todo, () => store.check(file));
}

async function judged(
  file: string,
  what: string,
  bytes: number,
  todo: string,
  work: () => Promise<void>,
): Promise<FileVerdict> {
  try {
    await work();
    return { file, what, bytes, damage: null, todo };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { file, what, bytes, damage: messageOf(error), todo };
  }
}
