/** What every store does, whatever it is made of. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { isCode } from "../../shared/errors.ts";
import type { FileRef, Store } from "../../shared/store/store.ts";

export interface Subject {
  readonly name: string;
  /** An empty one. */
  readonly open: () => Promise<Store>;
  /** The same one, as another process has it. */
  readonly again: (store: Store) => Promise<Store>;
  /** Its bytes are others from now on, or gone. */
  readonly damage: (store: Store, name: string, bytes: Buffer | null) => void;
}

const failing = (code: Parameters<typeof isCode>[1]) => (error: unknown) => isCode(error, code);

export function conformance({ name, open, again, damage }: Subject): void {
  describe(`a store that is ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    const published = async (to: string, text: string): Promise<FileRef> => {
      const scratch = store.scratch("test");
      writeFileSync(scratch, text);
      return store.publish(scratch, to, { durable: true });
    };
    const text = async (of: string) => (await store.read(of))?.toString() ?? null;

    describe("create if absent", () => {
      it("creates whole, once", async () => {
        expect(await store.createIfAbsent("a/b/c.json", "one")).toBe(true);
        expect(await store.createIfAbsent("a/b/c.json", "two")).toBe(false);
        expect(await text("a/b/c.json")).toBe("one");
      });

      it("has one winner of many, whose content stays", async () => {
        const stores = [store, ...(await Promise.all(Array.from({ length: 7 }, () => again(store))))];
        for (let round = 0; round < 5; round++) {
          const at = `n/${round}`;
          const won = await Promise.all(stores.map((each, i) => each.createIfAbsent(at, `by ${i}`)));
          expect(won.filter(Boolean)).toHaveLength(1);
          expect(await text(at)).toBe(`by ${won.indexOf(true)}`);
        }
      });

      it("takes no file for a folder", async () => {
        await store.createIfAbsent("x", "");
        expect(await store.list("x").catch(() => [])).toEqual([]);
        expect(await store.exists("x")).toBe(true);
      });
    });

    describe("replace", () => {
      it("makes what is not there, folders too; the last one wins", async () => {
        await store.replace("f/one", "1");
        await store.replace("f/one", "2", { durable: true });
        expect(await text("f/one")).toBe("2");
      });

      it("is never seen in between", async () => {
        const [one, two] = ["1".repeat(100_000), "2".repeat(100_000)];
        await store.replace("big", one);
        const seen = new Set<string | null>();
        const other = await again(store);
        await Promise.all([
          ...Array.from({ length: 20 }, (_, i) => store.replace("big", i % 2 === 0 ? two : one)),
          ...Array.from({ length: 40 }, async () => seen.add((await other.read("big"))!.toString())),
        ]);
        expect([...seen].every((each) => each === one || each === two)).toBe(true);
      });

      it("of one's own makes it in a folder that is there, and nothing where that is gone", async () => {
        expect(await store.replaceOwn("g/1/HEAD", "x")).toBe(false);
        expect(await store.exists("g")).toBe(false);
        await store.createIfAbsent("g/1/OWNER", "me");
        expect(await store.replaceOwn("g/1/HEAD", "x")).toBe(true);
        expect(await store.replaceOwn("g/1/HEAD", "y")).toBe(true);
        expect(await text("g/1/HEAD")).toBe("y");
        await store.remove("g/1");
        expect(await store.replaceOwn("g/1/HEAD", "z")).toBe(false);
        expect(await store.list("g")).toEqual([]);
      });
    });

    it("lists what is directly in a folder, sorted, and nothing where there is none", async () => {
      for (const each of ["l/b", "l/a", "l/c/d", "lx/e"]) await store.createIfAbsent(each, "");
      expect(await store.list("l")).toEqual(["a", "b", "c"]);
      expect(await store.list("none")).toEqual([]);
      expect(await store.exists("l/c")).toBe(true);
      expect(await store.exists("l/x")).toBe(false);
      expect(await store.read("none/at/all")).toBeNull();
    });

    it("removes files and folders, and nothing else; what is gone already is gone", async () => {
      for (const each of ["r/a", "r/b/c", "r/b/d", "rb"]) await store.createIfAbsent(each, "");
      await store.remove("r/b");
      await store.remove("r/b");
      await store.remove("r/a");
      expect(await store.list("r")).toEqual([]);
      expect(await store.exists("rb")).toBe(true);
    });

    it("is one store for all processes", async () => {
      const other = await again(store);
      await store.createIfAbsent("s", "1");
      expect((await other.read("s"))?.toString()).toBe("1");
      await other.replace("s", "2");
      expect(await text("s")).toBe("2");
      expect(other.owner).not.toBe(store.owner);
    });

    it("changes a file's tag with every writing, and only then", async () => {
      expect(await store.tag("t")).toBeNull();
      await store.replace("t", "one");
      const first = await store.tag("t");
      expect(await store.tag("t")).toBe(first);
      await store.replace("t", "three");
      expect(await store.tag("t")).not.toBe(first);
    });

    it("knows sizes and ages by its own clock", async () => {
      expect(await store.bytesOf("b/x")).toBe(0);
      expect(await store.ageMs("b/x")).toBe(Number.POSITIVE_INFINITY);
      await store.createIfAbsent("b/x", "12345");
      expect(await store.bytesOf("b/x")).toBe(5);
      for (const each of ["b/x", "b"]) {
        const age = await store.ageMs(each);
        expect(age).toBeGreaterThan(-5000);
        expect(age).toBeLessThan(60_000);
      }
      expect(store.paceMs).toBeGreaterThan(0);
    });

    describe("published files", () => {
      it("have their size and hash, and their scratch is gone", async () => {
        const scratch = store.scratch("x.parquet");
        writeFileSync(scratch, "rows");
        const file = await store.publish(scratch, "p/x.parquet", { durable: false });
        expect(file).toEqual({
          name: "p/x.parquet",
          bytes: 4,
          sha256: "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e",
        });
        expect(() => readFileSync(scratch)).toThrow();
        await store.check(file);
      });

      it("that are damaged or gone are neither good nor opened", async () => {
        const file = await published("p/a", "some rows");
        for (const bytes of [Buffer.from("some rowz"), Buffer.from("some"), Buffer.alloc(0)]) {
          damage(store, file.name, bytes);
          await expect(store.check(file)).rejects.toSatisfy(failing("STORE_CORRUPT"));
          await expect(store.open([file])).rejects.toSatisfy(failing("STORE_CORRUPT"));
        }
        damage(store, file.name, null);
        await expect(store.check(file)).rejects.toSatisfy(failing("STORE_MISSING"));
        await expect(store.open([file])).rejects.toSatisfy(failing("STORE_MISSING"));
      });

      it("are opened in order, with their bytes", async () => {
        const files = [await published("p/2", "two"), await published("p/1", "one")];
        const opened = await store.open(files);
        expect(opened.map(({ path }) => readFileSync(path, "utf8"))).toEqual(["two", "one"]);
        expect(opened.map(({ name }) => name)).toEqual(["p/2", "p/1"]);
      });

      it("are checked once where the caller says which were", async () => {
        const file = await published("p/c", "rows");
        const checked = new Set<string>();
        await store.open([file], checked);
        expect([...checked]).toEqual(["p/c"]);
        damage(store, file.name, Buffer.from("rowz"));
        await store.open([file], checked);
        await expect(store.open([file], new Set())).rejects.toSatisfy(failing("STORE_CORRUPT"));
      });

      it("that are kept outlive their first name, and what becomes of it", async () => {
        const file = await published("v/a", "rows");
        const kept = await store.keep(file, "pins/run/v_a");
        expect(kept).toEqual({ ...file, name: "pins/run/v_a" });
        damage(store, file.name, null);
        await store.check(kept);
        expect(readFileSync((await store.open([kept]))[0]!.path, "utf8")).toBe("rows");
        await expect(store.keep(file, "pins/run/again")).rejects.toSatisfy(failing("STORE_MISSING"));
        await store.remove("pins/run");
        expect(await store.list("pins")).toEqual([]);
      });
    });

    it("knows of runs whether their process lives", async () => {
      const other = await again(store);
      expect(await store.isRunning(store.newRun())).toBe(true);
      expect(await store.isRunning(other.newRun())).toBe(true);
      expect(await store.isRunning("0123456789ab-01234567")).toBe(false);
      expect(await store.isRunning("by-hand")).toBeNull();
      expect(store.newRun()).not.toBe(store.newRun());
      await store.settle("nowhere");
      expect(await store.sweep()).toEqual([]);
    });

    it("refuses the format of a later release", async () => {
      await store.replace("format.json", '{"format":99}');
      await expect(again(store)).rejects.toSatisfy(failing("DATA_FORMAT"));
      await store.replace("format.json", "nonsense");
      await expect(again(store)).rejects.toSatisfy(failing("DATA_FORMAT"));
    });
  });
}
