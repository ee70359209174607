import type { NewRecord } from "./log.ts";

const seed = 0x9747b28c;
const m = 0x5bd1e995;

/**
 * Kafka's murmur2 of a key (org.apache.kafka.common.utils.Utils), so that every client puts a key in the same
 * partition.
 */
function murmur2(key: Uint8Array): number {
  const length = key.length;
  let h = seed ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i++) {
    const at = i << 2;
    let k = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const tail = length & ~3;
  const rest = length & 3;
  if (rest === 3) h ^= key[tail + 2]! << 16;
  if (rest >= 2) h ^= key[tail + 1]! << 8;
  if (rest >= 1) {
    h ^= key[tail]!;
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** The partition of a key among `partitions`. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Chooses partitions for one producer: by key where there is one, else round robin. */
export class Partitioner {
  readonly #partitions: number;
  #next = 0;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  record(key: Buffer | null, value: Buffer | null): NewRecord {
    return { partition: key ? partitionOf(key, this.#partitions) : this.#next++ % this.#partitions, key, value };
  }
}
