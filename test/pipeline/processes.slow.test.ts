/** Processes that come at once, stall and are killed, as the system does it to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clean } from "../../batch/clean.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import { layout } from "../../shared/store/layout.ts";
import { newestHead, newestVersion, versionNumbers } from "../../shared/store/versions.ts";
import { Generation } from "../../speed/generation.ts";

const file = join(import.meta.dirname, "store-child.mjs");
let folder: string;
let data: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-processes-"));
  data = join(folder, "data");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function start(...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<string> } {
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, TMPDIR: folder } });
  children.push(child);
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = once(child, "close").then(([code]) => {
    if (code !== 0 && child.signalCode === null) throw new Error(`it ended with ${String(code)}: ${err}`);
    return out.trim();
  });
  ended.catch(() => undefined);
  return { child, said: () => out, ended };
}

const comes = (check: () => boolean) => vi.waitUntil(check, { timeout: 90_000, interval: 10 });
const state = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "")[0];

describe("processes", () => {
  it("that all come first make one version", async () => {
    const all = Array.from({ length: 8 }, () => start("contact", data));
    for (const { said } of all) await comes(() => said().startsWith("ready"));
    for (const { child } of all) child.stdin!.end();
    const ended = await Promise.all(all.map(async (each) => (await each.ended).split("\n")[1]));
    const store = await FolderStore.open(data);
    expect(await versionNumbers(store)).toEqual([0]);
    const { project } = (await newestVersion(store))!.definition;
    expect(ended).toEqual(Array.from({ length: 8 }, () => `0 ${project}`));
  });

  it("that are stopped while others come and go, and wake up, are fenced", async () => {
    const first = start("contact", data);
    first.child.stdin!.end();
    await first.ended;
    const store = await FolderStore.open(data);
    const version = (await newestVersion(store))!;
    const { child, ended } = start("generation", data);
    await comes(() => state(child.pid!) === "T");
    for (let i = 0; i < 3; i++) await (await Generation.create(store, version, 0)).commit([], Date.now());
    for (const old of [1, 2]) await store.remove(layout.generation(version.number, 0, old));
    child.kill("SIGCONT");
    expect(await ended).toMatch(/has taken over \(generation 3 of version 0\).*\[SPEED_FENCED\]$/);
    expect((await newestHead(store, version.number, 0))!.generation).toBe(3);
  });

  it("that are killed leave no event behind, and those that are stopped lose nothing", async () => {
    const before = new Set(readdirSync("/dev/shm"));
    const { child, said, ended } = start("decode", data);
    await comes(() => said().includes("\n"));
    const owner = /decoding (\w+)/.exec(said())![1]!;
    const store = await FolderStore.open(data);
    child.kill("SIGSTOP");
    expect((await clean(store, 2)).removed).toEqual([]);
    const own = [`${layout.scratch}/${owner}`, `${layout.pins}/${(await store.list(layout.pins))[0]!}`];
    child.kill("SIGKILL");
    await ended;
    expect(readdirSync("/dev/shm").filter((name) => !before.has(name) && name.startsWith("tidemark"))).toEqual([]);
    expect(readdirSync(folder)).toEqual(["data"]);
    expect((await clean(store, 2)).removed.sort()).toEqual([...own].sort());
  });
});
