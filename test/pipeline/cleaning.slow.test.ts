/** What processes make for a time: a living one's is never touched, however old it seems; a dead one's goes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clean } from "../../batch/clean.ts";
import { FoldProgress } from "../../batch/fold-progress.ts";
import { linesFile } from "../../shared/decode/lines-file.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import { layout } from "../../shared/store/layout.ts";

let folder: string;
let store: FolderStore;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-cleaning-"));
  store = await FolderStore.open(join(folder, "data"), { durable: false });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const old = new Date(Date.now() - 3 * 24 * 3_600_000);
function age(path: string): void {
  for (const name of existsSync(path) && statSync(path).isDirectory() ? readdirSync(path) : []) age(join(path, name));
  utimesSync(path, old, old);
}

/** As a process of another number would have made it. */
function ownedBy(pid: number, owner: string, more: Record<string, unknown> = {}): void {
  const own = store.path(layout.scratchOf(owner));
  mkdirSync(own);
  const mine = JSON.parse(readFileSync(join(store.path(layout.scratchOf(store.owner)), "OWNER"), "utf8")) as object;
  writeFileSync(join(own, "OWNER"), JSON.stringify({ ...mine, pid, started: startOf(pid), ...more }));
  writeFileSync(join(own, "spill"), "events");
}

const startOf = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
};
const exists = (name: string) => existsSync(store.path(name));

describe("cleaning", () => {
  it("leaves a living process's scratch, pins, rebuild and unpublished files, however old they seem", async () => {
    const [pins, files] = [store.newRun(), store.newRun()];
    writeFileSync(store.scratch("spill"), "events");
    for (const name of [layout.pin(pins), layout.versionFolder(files)]) {
      mkdirSync(store.path(name), { recursive: true });
      writeFileSync(join(store.path(name), "file"), "rows");
    }
    await FoldProgress.open(store, "abc", {}, () => undefined);
    for (const name of readdirSync(store.root)) age(store.path(name));
    expect((await clean(store, 2)).removed).toEqual([]);
    // nor does another's rebuild of another definition discard one that is being resumed
    const another = await FolderStore.open(store.root, { durable: false });
    await FoldProgress.open(another, "def", {}, () => undefined);
    expect(exists(layout.rebuild("abc"))).toBe(true);
  });

  it("knows a dead owner at once, and a number that was used again", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    children.push(child);
    await new Promise((resolve) => child.once("spawn", resolve));
    const [living, dead, another] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
    ownedBy(child.pid!, living);
    ownedBy(child.pid!, dead);
    ownedBy(child.pid!, another, { started: "1" });
    const run = (owner: string) => `${layout.pins}/${owner}-00000000`;
    for (const owner of [living, dead]) mkdirSync(store.path(run(owner)), { recursive: true });
    expect((await clean(store, 2)).removed).toEqual([layout.scratchOf(another)]);
    child.kill("SIGSTOP");
    expect((await clean(store, 2)).removed).toEqual([]);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    expect((await clean(store, 2)).removed.sort()).toEqual(
      [run(living), run(dead), layout.scratchOf(living), layout.scratchOf(dead)].sort(),
    );
  });

  it("of an owner on another machine waits a day for a sign of life", async () => {
    ownedBy(process.pid, "aaaaaaaaaaaa", { where: "elsewhere" });
    expect(await store.sweep()).toEqual([]);
    age(store.path(layout.scratchOf("aaaaaaaaaaaa")));
    expect(await store.sweep()).toEqual([layout.scratchOf("aaaaaaaaaaaa")]);
  });
});

describe("what is made of events", () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  it("is in folders that no other user may enter", () => {
    expect(mode(store.root)).toBe("700");
    expect(mode(store.path(layout.scratchOf(store.owner)))).toBe("700");
  });

  it("has no name while it is decoded", async () => {
    const before = readdirSync("/dev/shm");
    const file = await linesFile([Buffer.from("one\n"), Buffer.from("two\n")]);
    expect(readdirSync("/dev/shm")).toEqual(before);
    expect(mode(file.path)).toBe("600");
    expect(readFileSync(file.path, "utf8")).toBe("one\ntwo\n");
    await file.close();
  });

  it("goes to the next place where one is full or can't be used, and says which are full", async ({ skip }) => {
    const small = join(folder, "small");
    mkdirSync(small);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).status === 0;
    if (!mounted) skip("no tmpfs can be mounted here");
    try {
      const lines = [Buffer.from("one\n"), Buffer.alloc(100_000, "x")];
      const next = await linesFile(lines, ["/nowhere", small, folder]);
      expect(statSync(next.path).size).toBe(100_004);
      await next.close();
      await expect(linesFile(lines, [small])).rejects.toMatchObject({
        code: "SCRATCH_FULL",
        message: `no space left on device: 100004 bytes of records to decode fit into none of ${small}`,
      });
      expect(readdirSync(small)).toEqual([]);
    } finally {
      spawnSync("umount", ["-l", small]);
    }
  });
});
