/** The one chain, on either store: one owner at a time, whichever process comes, stalls or is cleaned in between. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { TidemarkError } from "../../shared/errors.ts";
import { claimNext, Membership, memberFolder, membersIn, ownerOfMember } from "../../shared/store/chain.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import type { Store } from "../../shared/store/store.ts";
import { openAgain, openMemory } from "../support/store.ts";
import { seededNumbers } from "../views/seeded.ts";

const fenced = (number: number, by: { owner: string; number: number } | null) =>
  new TidemarkError("SPEED_FENCED", by ? `${number} by ${by.owner} ${by.number}` : `${number} was cleaned`, "");
const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ["folder", () => FolderStore.open(join(mkdtempSync(join(tmpdir(), "tidemark-chain-")), "data"), { durable: false })],
  ["memory", () => openMemory()],
];

describe.each(stores)("a chain in a store: %s", (_name, open) => {
  let store: Store;
  beforeEach(async () => {
    store = await open();
  });
  const claim = (by: string, on = store) => Membership.claim(on, "c/0", { owner: by, at: 1 }, fenced);

  it("has one owner of many that come at once, and every number is borne once", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => openAgain(store)));
    const claims = await Promise.allSettled(all.map((each, i) => claim(`p${i}`, each)));
    const won = claims.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const numbers = await membersIn(store, "c/0");
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const written = await Promise.allSettled(won.map((each) => each.commit("HEAD", `${each.number}`)));
    const owners = won.filter((_, i) => written[i]!.status === "fulfilled");
    expect(owners.map(({ number }) => number)).toEqual([8]);
    for (const number of numbers) expect(await ownerOfMember(store, "c/0", number)).toMatch(/^p\d$/);
  });

  it("fences all before, names the later one, and takes a folder alone for no owner", async () => {
    const [one, two] = [await claim("a"), await claim("b")];
    await store.createIfAbsent(`${memberFolder("c/0", 3)}/else`, "");
    await two.commit("HEAD", "two");
    await expect(one.commit("HEAD", "one")).rejects.toThrow("1 by b 2");
    expect((await claim("c")).number).toBe(4);
    await expect(two.commit("HEAD", "two")).rejects.toThrow("2 by c 4");
  });

  it("never brings back what was cleaned: neither a commit nor a beat", async () => {
    const one = await claim("a");
    await one.beat();
    const before = await store.read(`${one.folder}/BEAT`);
    await one.beat();
    expect(await store.read(`${one.folder}/BEAT`)).not.toEqual(before);
    await store.remove(one.folder);
    await one.beat();
    await expect(one.commit("HEAD", "one")).rejects.toThrow("1 was cleaned");
    expect(await membersIn(store, "c/0")).toEqual([]);
  });

  it("in any order of claims, stalls and cleanings, at most the newest commits", async () => {
    const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
    const random = seededNumbers(seed);
    const int = (below: number) => Math.floor(random() * below);
    let commits = 0;
    for (let run = 0; run < 20; run++) {
      const chain = `runs/${run}`;
      const members: Membership[] = [];
      const stalled: { readonly done: Promise<Membership | null>; readonly goOn: () => void }[] = [];
      for (let step = 0; step < 25; step++) {
        const what = int(6);
        if (what < 2) members.push(await Membership.claim(store, chain, { owner: `m${step}`, at: 1 }, fenced));
        else if (what === 2) stalled.push(stalling(await openAgain(store), chain, `s${step}`));
        else if (what === 3 && stalled.length > 0) {
          const late = stalled.splice(int(stalled.length), 1)[0]!;
          late.goOn();
          const member = await late.done;
          if (member) members.push(member);
        } else if (what === 4) {
          const numbers = await membersIn(store, chain);
          for (const old of numbers.slice(0, -1)) if (random() < 0.5) await store.remove(memberFolder(chain, old));
        } else if (members.length > 0) {
          const one = members[int(members.length)]!;
          const newest = Math.max(...(await membersIn(store, chain)));
          const done = await one.commit("HEAD", String(step)).then(
            () => true,
            () => false,
          );
          expect(done, `SEED=${seed} run ${run}`).toBe(one.number === newest && one === newestOf(members, newest));
          if (done) commits++;
        }
      }
      for (const { goOn, done } of stalled) {
        goOn();
        await done;
      }
    }
    expect(commits).toBeGreaterThan(20);
  });

  /** Claims, and comes to a halt just before it makes its member. */
  function stalling(on: Store, chain: string, owner: string) {
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const create = on.createIfAbsent.bind(on);
    on.createIfAbsent = async (name, content) => {
      await gate;
      return create(name, content);
    };
    const done = Membership.claim(on, chain, { owner, at: 1 }, fenced).catch(() => null);
    return { done, goOn };
  }

  const newestOf = (members: readonly Membership[], number: number) =>
    members.findLast((each) => each.number === number);

  it("gives no process a number that others have come and gone under", async () => {
    const made: number[] = [];
    const passed = await claimNext({
      last: async () => made.at(-1) ?? 0,
      create: async (number) => {
        // another is first, once
        if (made.length === 0) {
          made.push(number);
          return false;
        }
        made.push(number);
        return true;
      },
      isPassed: async (number) => number === 2,
    });
    expect(passed).toEqual({ number: 2, isPassed: true });
  });
});
