/**
 * Names are never used twice: a process that stalls between finding a free one and taking it finds out, however
 * much came and went meanwhile.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clean } from "../../batch/clean.ts";
import { FoldProgress } from "../../batch/fold-progress.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { ensureVersion } from "../../shared/store/origin.ts";
import type { Store } from "../../shared/store/store.ts";
import {
  generationNumbers,
  newestVersion,
  publishVersion,
  readVersion,
  versionNumbers,
} from "../../shared/store/versions.ts";
import { Generation } from "../../speed/generation.ts";
import { openAgain } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.open({ stream: stream("events", { g: "VARCHAR" }), views: {} });
});
afterEach(() => world.close());

/** The store as another process has it, which comes to a halt before it makes such a name. */
async function stalling(at: RegExp): Promise<{ store: Store; halted: Promise<void>; goOn: () => void }> {
  let goOn = () => {};
  let halted = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    halted = resolve;
  });
  const store = await openAgain(world.store);
  for (const verb of ["createIfAbsent", "replace", "replaceOwn"] as const) {
    const own = store[verb].bind(store) as (name: string, content: string) => Promise<never>;
    store[verb] = async (name: string, content: string) => {
      if (at.test(name)) {
        halted();
        await gate;
      }
      return own(name, content);
    };
  }
  return { store, halted: reached, goOn };
}

const draft = (first: VersionManifest): Omit<VersionManifest, "number"> => ({ ...first, cause: "batch" });

describe("a name that was used", () => {
  it("is no generation's again: who stalls while three come and two are cleaned is fenced, and commits nothing", async () => {
    const version = await world.firstVersion();
    const late = await stalling(/\/0\/000001\/OWNER$/);
    const creating = Generation.create(late.store, version, 0);
    creating.catch(() => undefined);
    await late.halted;
    for (let i = 0; i < 3; i++) await (await Generation.create(world.store, version, 0)).commit([], world.now);
    for (const old of [1, 2]) await world.store.remove(layout.generation(version.number, 0, old));
    late.goOn();
    await expect(creating).rejects.toMatchObject({ code: "SPEED_FENCED", message: /generation 3 of version 0/ });
    expect((await generationNumbers(world.store, version.number, 0)).at(-1)).toBe(3);
  });

  it("of a generation that was cleaned and taken by another fences its first owner too", async () => {
    const version = await world.firstVersion();
    const first = await Generation.create(world.store, version, 0);
    for (let i = 0; i < 2; i++) await Generation.create(world.store, version, 0);
    for (const old of [1, 2]) await world.store.remove(layout.generation(version.number, 0, old));
    await world.store.createIfAbsent(layout.owner(version.number, 0, 1), "another's");
    await expect(first.commit([], world.now)).rejects.toMatchObject({ code: "SPEED_FENCED" });
  });

  it("is no version's again: a publisher that stalls takes a later one", async () => {
    const first = await world.firstVersion();
    const late = await stalling(/versions\/00000001\.json$/);
    const publishing = publishVersion(late.store, { ...draft(first), createdAt: "late" });
    await late.halted;
    for (let i = 0; i < 4; i++) await publishVersion(world.store, draft(first));
    await clean(world.store, 2);
    expect(await versionNumbers(world.store)).toEqual([3, 4]);
    late.goOn();
    expect((await publishing).number).toBe(5);
    expect(await versionNumbers(world.store)).toEqual([3, 4, 5]);
    await clean(world.store, 2);
    await expect(readVersion(world.store, 3)).rejects.toMatchObject({ code: "STORE_MISSING" });
    expect((await publishVersion(world.store, draft(first))).number).toBe(6);
  });

  it("is no rebuild's: who stalls before it commits, and goes on when another has taken over, spoils nothing", async () => {
    const say = () => undefined;
    const late = await stalling(/PROGRESS$/);
    const opening = FoldProgress.open(late.store, "same", {}, say);
    await late.halted;
    const other = await FoldProgress.open(world.store, "same", {}, say);
    late.goOn();
    const slow = await opening;
    // the last that came goes on
    await expect(slow.commit([])).rejects.toMatchObject({ code: "BATCH_STALE" });
    await other.commit([]);
    expect(slow.nextName("v")).not.toBe(other.nextName("v"));
  });
});

describe("first contact", () => {
  it("by many at once makes one version, whichever comes first", async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => openAgain(world.store)));
    const made = await Promise.all(
      stores.map((store) => ensureVersion(store, world.log, async () => world.definition)),
    );
    expect(await versionNumbers(world.store)).toEqual([0]);
    for (const version of made) expect(version).toEqual(await newestVersion(world.store));
  });

  it("of one that stalled while others went on takes what they have made", async () => {
    const late = await stalling(/versions\/00000000\.json$/);
    const making = ensureVersion(late.store, world.log, async () => ({ ...world.definition, project: "late" }));
    await late.halted;
    const first = await world.firstVersion();
    await (await Generation.create(world.store, first, 0)).commit([], world.now);
    await publishVersion(world.store, draft(first));
    late.goOn();
    expect(await making).toMatchObject({ number: 1, definition: { project: "world" } });
    expect(await versionNumbers(world.store)).toEqual([0, 1]);
  });
});
