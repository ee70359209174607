/** A rejection: what a proof found wrong in a shard's delta. Its writer tells the delta again from there, as a new generation. */
import type { Position } from "../position.ts";
import { layout } from "./layout.ts";
import { seal, unseal } from "./sealed.ts";
import type { Store } from "./store.ts";
import { generationNumbers } from "./versions.ts";

export interface Rejection {
  readonly version: number;
  readonly shard: number;
  /** Where the first wrong entry starts, as far as the shard owns it: entries up to there are good. */
  readonly from: Position;
  readonly view: string;
  readonly why: string;
}

/** Rejects the newest generation of the shard's delta, and any that takes it over meanwhile without having seen that. */
export async function reject(store: Store, rejection: Rejection): Promise<void> {
  const newest = async () => (await generationNumbers(store, rejection.version, rejection.shard)).at(-1) ?? 0;
  for (let generation = await newest(), before = -1; generation !== before; ) {
    await store.createIfAbsent(layout.rejection(rejection.version, rejection.shard, generation), seal(rejection));
    before = generation;
    generation = await newest();
  }
}

/** @throws STORE_CORRUPT */
export async function rejectionOf(
  store: Store,
  version: number,
  shard: number,
  generation: number,
): Promise<Rejection | null> {
  const name = layout.rejection(version, shard, generation);
  const text = await store.read(name);
  return text ? unseal<Rejection>(text.toString(), name) : null;
}
