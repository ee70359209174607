/** A bucket that several simulated processes share: each put takes effect whole, and for good. */
import { MemoryBucket, MemoryStore, type ObjectBucket } from "../../shared/store/memory.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Medium } from "./medium.ts";
import { SimulatedProcess } from "./process.ts";

export class SimulatedBucket implements Medium {
  readonly #bucket: MemoryBucket;

  constructor(now: () => number) {
    this.#bucket = new MemoryBucket(now);
  }

  async process(): Promise<{ faults: SimulatedProcess; store: Store }> {
    const faults = new SimulatedProcess();
    return { faults, store: await MemoryStore.open(this.#of(faults), this.#bucket.owners) };
  }

  #of(faults: SimulatedProcess): ObjectBucket {
    const bucket = this.#bucket;
    return {
      get: (name) => bucket.get(name),
      names: (prefix) => bucket.names(prefix),
      now: bucket.now,
      put: (name, bytes, ifAbsent) => faults.call(() => bucket.put(name, bytes, ifAbsent)),
      delete: (name) => faults.call(() => bucket.delete(name)),
    };
  }

  powerCut(): number {
    return 0;
  }

  files(folder: string): string[] {
    return [...this.#bucket.objects.keys()].filter((name) => name.startsWith(`${folder}/`));
  }

  damage(name: string, random: () => number): string {
    const { objects } = this.#bucket;
    const found = objects.get(name)!;
    const how = Math.floor(random() * 4);
    if (how === 0) {
      objects.delete(name);
      return "removed";
    }
    const bytes = Buffer.from(found.bytes);
    if (how === 1 && bytes.length > 0) bytes[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
    if (how === 2) bytes.fill(0, bytes.length >> 1);
    const length = how === 3 ? Math.floor(random() * bytes.length) : bytes.length;
    objects.set(name, { ...found, bytes: bytes.subarray(0, length), tag: found.tag + 0.5 });
    return ["removed", "flipped", "zeroed", "cut off"][how]!;
  }
}
