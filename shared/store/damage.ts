/**
 * A reader that finds a version's file damaged says so here; batch then makes the view again from the archive,
 * at the same cut.
 */
import { isCode } from "../errors.ts";
import { layout } from "./layout.ts";
import { seal, unseal } from "./sealed.ts";
import type { Store } from "./store.ts";

export interface Damage {
  readonly version: number;
  readonly view: string;
  readonly file: string;
  readonly why: string;
}

export async function reportDamage(store: Store, damage: Damage): Promise<void> {
  await store.createIfAbsent(layout.damage(damage.version, damage.view), seal(damage));
}

/** What is known to be damaged in a version. */
export async function damagesOf(store: Store, version: number): Promise<Damage[]> {
  const found: Damage[] = [];
  for (const name of await store.list(layout.damagesOf(version))) {
    const text = await store.read(`${layout.damagesOf(version)}/${name}`);
    if (text) found.push(read(text.toString(), version, name));
  }
  return found;
}

/** A note that is torn still says by its name which view it is about. */
function read(text: string, version: number, name: string): Damage {
  try {
    return unseal<Damage>(
      text,
      name,
      (each) => each.version === version && layout.damage(version, each.view).endsWith(`/${name}`),
    );
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT")) throw error;
    return { version, view: name.replace(/\.json$/, ""), file: "", why: error.message };
  }
}
