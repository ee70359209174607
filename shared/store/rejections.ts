/**
 * A rejection: what a proof found wrong in a shard's delta. Its writer recomputes the delta from there, as a
 * new generation.
 */
import { isCode, type TidemarkError } from "../errors.ts";
import { ofShard, type Position } from "../position.ts";
import { type Head, layout, type VersionManifest } from "./layout.ts";
import { filesOf } from "./partials.ts";
import { seal, unseal } from "./sealed.ts";
import type { Store } from "./store.ts";
import { generationNumbers, newestHead } from "./versions.ts";

export interface Rejection {
  readonly version: number;
  readonly shard: number;
  /** Where the first wrong entry starts, as far as the shard owns it: entries up to there are good. */
  readonly from: Position;
  readonly view: string;
  readonly why: string;
  readonly generation: number;
}

/**
 * Rejects the newest generation of the shard's delta, and any that takes it over meanwhile without having seen
 * that.
 */
export async function reject(store: Store, rejection: Omit<Rejection, "generation">): Promise<void> {
  const newest = async () => (await generationNumbers(store, rejection.version, rejection.shard)).at(-1) ?? 0;
  for (let generation = await newest(), before = -1; generation !== before; ) {
    await store.createIfAbsent(
      layout.rejection(rejection.version, rejection.shard, generation),
      seal({ ...rejection, generation }),
    );
    before = generation;
    generation = await newest();
  }
}

/**
 * Rejects what a damaged file is part of: the entry that names it and all after it, or all of a delta whose
 * HEAD can't be read. Nothing happens where the newest HEAD does not name it any more.
 */
export async function rejectDamaged(store: Store, manifest: VersionManifest, error: TidemarkError): Promise<void> {
  const file = String(error.facts.file ?? "");
  for (let shard = 0; shard < manifest.definition.shards; shard++) {
    const from = await damagedFrom(store, manifest, shard, file);
    if (!from) continue;
    await reject(store, { version: manifest.number, shard, from, view: "", why: error.message });
  }
}

async function damagedFrom(
  store: Store,
  manifest: VersionManifest,
  shard: number,
  file: string,
): Promise<Position | null> {
  const start = ofShard(manifest.cut, shard, manifest.definition.shards);
  let head: Head | null;
  try {
    head = await newestHead(store, manifest.number, shard);
  } catch (error) {
    if (isCode(error, "STORE_CORRUPT") && error.facts.file === file) return start;
    throw error;
  }
  // a chain with a gap is recomputed from the start
  if (head && file === layout.head(manifest.number, shard, head.generation)) return start;
  return head?.entries.find((entry) => filesOf(entry).some((each) => each.name === file))?.from ?? null;
}

/** A rejection that can't be read rejects the whole delta: recomputing all of it is always right. */
export async function rejectionOf(
  store: Store,
  version: number,
  shard: number,
  generation: number,
): Promise<Rejection | null> {
  const name = layout.rejection(version, shard, generation);
  const text = await store.read(name);
  if (!text) return null;
  try {
    return unseal<Rejection>(text.toString(), name, (each) => {
      return each.version === version && each.shard === shard && each.generation === generation;
    });
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT")) throw error;
    return { version, shard, generation, from: {}, view: "", why: error.message };
  }
}
