/**
 * A fenced, sequenced chain: the one protocol by which processes agree on their order. Members have ascending
 * numbers. Creating the file of the next number has one winner, which owns that member from then on; owners of
 * lower numbers are fenced, and find that out before each commit. No clock, lease or lock has a part in it.
 *
 * Versions, the generations of a delta and the runs that fold the same past are such chains.
 *
 * A free number may have been used before: later members may have been created and cleaned since the last number
 * was read. So the creator of a member checks once more.
 */
import type { TidemarkError } from "../errors.ts";
import { seal, unseal } from "./sealed.ts";
import type { Store } from "./store.ts";

export interface Chain {
  /** The highest number that any member has, or has had where that is known. */
  last(): Promise<number>;
  /** Creates a member with that number. @returns false where there is one */
  create(number: number): Promise<boolean>;
  /** True where a member just created is not the newest: later ones were created and cleaned meanwhile. */
  isPassed(number: number): Promise<boolean>;
}

/** Creates the next member. @returns its number, and whether later ones were cleaned meanwhile: then it has no owner */
export async function claimNext(chain: Chain): Promise<{ readonly number: number; readonly isPassed: boolean }> {
  for (;;) {
    const number = (await chain.last()) + 1;
    if (await chain.create(number)) return { number, isPassed: await chain.isPassed(number) };
  }
}

const digits = 6;
const ownerFile = "OWNER";
const beatFile = "BEAT";

/** Numbers of a chain of folders, ascending; of one that is being made, too. */
export async function membersIn(store: Store, folder: string): Promise<number[]> {
  return (await store.list(folder)).filter((name) => /^\d{6}$/.test(name)).map(Number);
}

export function memberFolder(folder: string, number: number): string {
  return `${folder}/${String(number).padStart(digits, "0")}`;
}

/** Who made a member, as it said itself; null where there is none. */
export async function ownerOfMember(store: Store, folder: string, number: number): Promise<string | null> {
  const name = `${memberFolder(folder, number)}/${ownerFile}`;
  const text = await store.read(name);
  if (!text) return null;
  try {
    return unseal<{ owner: string }>(text.toString(), name).owner;
  } catch {
    // what matters is that it is there
    return "another process";
  }
}

/** Makes the error of an owner that is fenced. @param by the later member; null: its own was cleaned */
type Fenced = (number: number, by: { readonly owner: string; readonly number: number } | null) => TidemarkError;

/** A member of a chain of folders, and this process's own: it alone writes there, as long as no later one is there. */
export class Membership {
  readonly number: number;
  readonly folder: string;
  readonly #store: Store;
  readonly #chain: string;
  readonly #fenced: Fenced;
  #beats = 0;

  private constructor(store: Store, chain: string, number: number, fenced: Fenced) {
    this.#store = store;
    this.#chain = chain;
    this.number = number;
    this.folder = memberFolder(chain, number);
    this.#fenced = fenced;
  }

  /**
   * Claims the next member of a chain.
   * @param chain its folder
   * @param owner who it is, for others to read
   * @param at ms since the epoch, for people
   * @param fenced makes the error for a member that is no longer this process's
   * @throws `fenced` where another process has created a later member meanwhile
   */
  static async claim(
    store: Store,
    chain: string,
    { owner, at }: { readonly owner: string; readonly at: number },
    fenced: Fenced,
  ): Promise<Membership> {
    const content = seal({ owner, at });
    const { number } = await claimNext({
      last: async () => (await membersIn(store, chain)).at(-1) ?? 0,
      create: (next) => store.createIfAbsent(`${memberFolder(chain, next)}/${ownerFile}`, content),
      // `check` finds out, and names the owner of the later member
      isPassed: async () => false,
    });
    const claimed = new Membership(store, chain, number, fenced);
    await claimed.check();
    return claimed;
  }

  /** Checks that there is no later member, and that this one is still there. @throws `fenced` */
  async check(): Promise<void> {
    for (const later of await membersIn(this.#store, this.#chain)) {
      if (later <= this.number) continue;
      // a folder alone is no member yet
      const owner = await ownerOfMember(this.#store, this.#chain, later);
      if (owner !== null) throw this.#fenced(this.number, { owner, number: later });
    }
    if (!(await this.#store.exists(`${this.folder}/${ownerFile}`))) throw this.#fenced(this.number, null);
  }

  /** Commits: replaces a file of this member in one atomic step. @throws `fenced` */
  async commit(file: string, content: string): Promise<void> {
    await this.check();
    if (!(await this.#store.replaceOwn(`${this.folder}/${file}`, content))) throw this.#fenced(this.number, null);
  }

  /** The heartbeat by which standbys see that its owner is alive. Does nothing where the member was cleaned. */
  async beat(): Promise<void> {
    await this.#store.replaceOwn(`${this.folder}/${beatFile}`, String(this.#beats++));
  }
}
