/** Faults by their number, and what comes of them. */
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedLog } from "../../../shared/log/embedded.ts";
import { FolderStore } from "../../../shared/store/folder.ts";
import { randomOf } from "../fault.ts";
import { copyOf, type DamageName, damages, filesBelow, type Kind, kinds } from "./kinds.ts";
import { damageLogValue, type LogValue, logValues } from "./log-values.ts";
import type { Pristine } from "./pristine.ts";
import { Reading, Truth } from "./reading.ts";

/** One damage to one file. */
export interface Single {
  readonly kind: Kind;
  readonly damage: DamageName;
  /** Where, for people. */
  readonly place: string;
  readonly name: string;
  readonly bytes: Buffer;
  /** What becomes of it; null: it is gone. */
  readonly damaged: Buffer | null;
  /** Every file that changes, it and the one it is exchanged with. */
  readonly files: ReadonlyMap<string, Buffer | null>;
  /** Where it is no file, but a value in the log's. */
  readonly value: LogValue | null;
}

const allKinds = Object.keys(kinds) as Kind[];
/** LMDB keeps a value with its key: that it is another's is no damage to a file. */
const ofValues: readonly DamageName[] = ["flipped bit", "zeroed sector", "truncated", "emptied", "removed"];

export class Faults {
  readonly #pristine: Pristine;
  readonly #seed: number;
  readonly #files: readonly string[];
  readonly #values: readonly LogValue[];
  readonly #truth: Truth;

  private constructor(from: Pristine, seed: number, values: readonly LogValue[]) {
    this.#pristine = from;
    this.#seed = seed;
    this.#files = filesBelow(from.world.folder.root);
    this.#values = values;
    this.#truth = new Truth(from.world);
  }

  static async open(from: Pristine, seed: number): Promise<Faults> {
    // a process has one environment for a folder
    await from.world.log.close();
    return new Faults(from, seed, await logValues(from.world.folder.root));
  }

  /** Kinds in turn, then damages in turn, everything else by chance. */
  single(number: number): Single {
    const random = this.#randomOf(number, 0);
    const kind = allKinds[number % allKinds.length]!;
    const alike = this.#files.filter((name) => kinds[kind].test(name));
    const possible = this.#possible(kind, alike);
    const damage = possible[Math.floor(number / allKinds.length) % possible.length]!;
    for (let tries = 0; tries < 100; tries++) {
      const found = this.#draw(kind, damage, alike, random);
      if (found) return found;
    }
    throw new Error(`no ${kind} can be ${damage}`);
  }

  #possible(kind: Kind, alike: readonly string[]): readonly DamageName[] {
    if (kind === "log value") return ofValues;
    return (Object.keys(damages) as DamageName[]).filter((damage) => {
      if (damage === "flipped bit, its copy too") return alike.some((name) => copyOf(this.#pristine, name));
      if (damage === "stale") return alike.some((name) => this.#pristine.older.has(name));
      return alike.length > 1 || (damage !== "exchanged" && damage !== "another's content");
    });
  }

  /** Null where the bytes would stay as they are. */
  #draw(kind: Kind, damage: DamageName, alike: readonly string[], random: () => number): Single | null {
    const value = kind === "log value" ? this.#values[Math.floor(random() * this.#values.length)]! : null;
    // two in three are what is served: the others are left over of what was recomputed, or of an older version
    const served = alike.filter((each) => !each.startsWith("deltas/") || each.includes("/000002"));
    const among = served.length > 0 && random() < 2 / 3 ? served : alike;
    const name = value ? `${value.database} ${JSON.stringify(value.key)}` : among[Math.floor(random() * among.length)]!;
    const bytes = value?.bytes ?? readFileSync(this.#pristine.world.folder.path(name));
    const changed = damages[damage]({ pristine: this.#pristine, alike, name, bytes, random });
    const damaged = changed?.files.get(name);
    if (damaged === undefined || damaged?.equals(bytes)) return null;
    return { kind, damage, place: `${name} ${changed!.place}`, name, bytes, damaged, files: changed!.files, value };
  }

  /** Reads a copy of the folder in which this was put in; without it, the copy as it is. */
  async read(number: number, single: Single | null): Promise<{ reading: Reading; repaired: boolean }> {
    const { world, past } = this.#pristine;
    const data = join(world.dir, "copy");
    const before = { store: world.store, log: world.log };
    const reading = new Reading(world, this.#truth, this.#randomOf(number, 1));
    try {
      this.#copyTo(data);
      if (single) await put(data, single);
      world.log = new EmbeddedLog(join(data, "log"), { now: () => world.now });
      await reading.allOf(single?.kind ?? null, past, () => FolderStore.open(data, { durable: false }));
      return { reading, repaired: single !== null && isRepaired(data, single) };
    } finally {
      await world.log.close();
      Object.assign(world, before);
      rmSync(data, { recursive: true, force: true });
    }
  }

  /** By hard links, since nothing but the log's file is ever changed after it has its name. */
  #copyTo(data: string): void {
    for (const name of this.#files) {
      const [from, to] = [this.#pristine.world.folder.path(name), join(data, name)];
      mkdirSync(dirname(to), { recursive: true });
      if (!name.startsWith("log/")) linkSync(from, to);
      else if (!name.endsWith("lock.mdb")) copyFileSync(from, to);
    }
  }

  /** Numbers for a fault; `use` distinguishes them. */
  #randomOf(number: number, use: 0 | 1): () => number {
    const random = randomOf(Math.imul(this.#seed * 1_000_003 + number * 2 + use, 0x9e3779b1));
    // the first ones of near seeds are near each other
    for (let i = 0; i < 8; i++) random();
    return random;
  }
}

async function put(data: string, { value, damaged, files }: Single): Promise<void> {
  if (value) return damageLogValue(data, value, damaged);
  for (const [name, content] of files) {
    // a hard link shares its bytes with the whole folder: another file takes its place
    rmSync(join(data, name));
    if (content) writeFileSync(join(data, name), content);
  }
}

/** True where the damaged file was rewritten, or removed as unused. */
function isRepaired(data: string, { value, damaged, name }: Single): boolean {
  if (value) return false;
  const path = join(data, name);
  const now = existsSync(path) ? readFileSync(path) : null;
  return now === null || damaged === null ? now !== damaged : !now.equals(damaged);
}
