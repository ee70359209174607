/** The kinds of files in a data folder, and what may happen to one. */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../../shared/store/layout.ts";
import type { Pristine } from "./pristine.ts";

export const kinds = {
  "delta Parquet": /^deltas\/.*\.parquet$/,
  "dead letters": /\.dead\.ndjson$/,
  HEAD: /\/HEAD$/,
  OWNER: /\/OWNER$/,
  rejection: /\.rejected$/,
  "version manifest": /^versions\/.*\.json$/,
  "version Parquet": /^version-files\//,
  copy: /^copies\//,
  "archive Parquet": /^archive\/.*\.parquet$/,
  "segment manifest": /^archive\/.*\.json$/,
  origin: /^origins\//,
  "reference manifest": /^references\/.*\.json$/,
  "reference Parquet": /^references\/.*\.parquet$/,
  "format.json": /^format\.json$/,
  "rebuild progress": /\/PROGRESS$/,
  "rebuild Parquet": /^rebuilds\/.*\.parquet$/,
  "log value": /^log\/data\.mdb$/,
} as const;
export type Kind = keyof typeof kinds;

/** All files of a folder, sorted; what a run is called by chance comes after what the files are of. */
export function filesBelow(root: string, folder = ""): string[] {
  return readdirSync(join(root, folder))
    .sort()
    .flatMap((name) => {
      const path = folder ? `${folder}/${name}` : name;
      return lstatSync(join(root, path)).isDirectory() ? filesBelow(root, path) : [path];
    });
}

/** What a damage may read. */
export interface Scene {
  readonly pristine: Pristine;
  /** All files of the damaged one's kind. */
  readonly alike: readonly string[];
  readonly name: string;
  readonly bytes: Buffer;
  readonly random: () => number;
}

/** The files that are other than before, null: gone; and where. */
export interface Changed {
  readonly files: ReadonlyMap<string, Buffer | null>;
  readonly place: string;
}

type Damage = (scene: Scene) => Changed | null;

const one = (name: string, bytes: Buffer | null, place: string): Changed => ({
  files: new Map([[name, bytes]]),
  place,
});
const below = (random: () => number, limit: number) => Math.floor(random() * limit);

export const damages = {
  "flipped bit": ({ name, bytes, random }) => {
    const [at, bit] = [below(random, bytes.length), below(random, 8)];
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1 << bit;
    return one(name, flipped, `bit ${bit} of byte ${at} of ${bytes.length}`);
  },
  "zeroed sector": ({ name, bytes, random }) => {
    const at = 512 * below(random, Math.ceil(bytes.length / 512));
    return one(
      name,
      Buffer.from(bytes).fill(0, at, Math.min(at + 512, bytes.length)),
      `bytes ${at} to ${at + 511} of ${bytes.length}`,
    );
  },
  truncated: ({ name, bytes, random }) => {
    const length = below(random, bytes.length);
    return one(name, bytes.subarray(0, length), `to ${length} of ${bytes.length} bytes`);
  },
  exchanged: ({ pristine, alike, name, bytes, random }) => {
    const other = another(alike, name, random);
    if (!other) return null;
    const theirs = readFileSync(pristine.world.folder.path(other));
    return { files: new Map([[name, theirs], [other, bytes]]), place: `with ${other}` }; // biome-ignore format: pairs
  },
  "another's content": ({ pristine, alike, name, random }) => {
    const other = another(alike, name, random);
    return other ? one(name, readFileSync(pristine.world.folder.path(other)), `of ${other}`) : null;
  },
  stale: ({ pristine, name, random }) => {
    const older = pristine.older.get(name) ?? [];
    const index = below(random, older.length);
    return older.length > 0 ? one(name, older[index]!, `as it was ${older.length - index} steps before`) : null;
  },
  "flipped bit, its copy too": ({ pristine, name, bytes, random }) => {
    const copy = copyOf(pristine, name);
    if (!copy) return null;
    const [at, bit] = [below(random, bytes.length), below(random, 8)];
    const [one, other] = [Buffer.from(bytes), readFileSync(pristine.world.folder.path(copy))];
    one[at]! ^= 1 << bit;
    other[below(random, other.length)]! ^= 1 << below(random, 8);
    return { files: new Map([[name, one], [copy, other]]), place: `bit ${bit} of byte ${at} of ${bytes.length}` }; // biome-ignore format: pairs
  },
  emptied: ({ name }) => one(name, Buffer.alloc(0), "whole"),
  removed: ({ name }) => one(name, null, "whole"),
} as const satisfies Readonly<Record<string, Damage>>;
export type DamageName = keyof typeof damages;

/** Of a file that is kept twice. */
export function copyOf({ world }: Pristine, name: string): string | null {
  const copy = layout.copy(name);
  return existsSync(world.folder.path(copy)) ? copy : null;
}

function another(alike: readonly string[], name: string, random: () => number): string | null {
  const others = alike.filter((each) => each !== name);
  return others[below(random, others.length)] ?? null;
}
