import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { open as openLmdb } from "lmdb";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { EmbeddedLog, type EmbeddedOptions } from "../../shared/log/embedded.ts";
import type { Log } from "../../shared/log/log.ts";
import { conformance, freshStream, plainOf, readAll, readUpTo, records } from "./conformance.ts";

const folders: string[] = [];
const children: ChildProcess[] = [];

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-log-"));
  folders.push(folder);
  return folder;
}

/** The command that runs a TypeScript file of this folder in a process of its own. */
function childOf(file: string): [string, ...string[]] {
  const here = fileURLToPath(new URL(".", import.meta.url));
  return [process.execPath, join(here, "child.mjs"), join(here, file)];
}

function startAppender(...args: string[]): ChildProcess {
  const [node, ...script] = childOf("appender.ts");
  const child = spawn(node, [...script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

const start = new Map([[0, 0]]);

conformance({ name: "embedded", trims: true, runs: 100, open: async () => new EmbeddedLog(freshFolder()) });

describe("embedded log", { timeout: 60_000 }, () => {
  const logs: Log[] = [];
  const openIn = (folder: string, options: EmbeddedOptions = {}): EmbeddedLog => {
    const log = new EmbeddedLog(folder, options);
    logs.push(log);
    return log;
  };
  afterEach(async () => {
    for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
    for (const log of logs.splice(0)) await log.close();
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("has everything after it is opened again", async () => {
    const folder = freshFolder();
    const stream = freshStream(2);
    const before = openIn(folder);
    const origin = await before.ensure(stream);
    await before.append(stream, [...records(10, 0), ...records(4, 1)]);
    const found = await readAll(before, stream, start);
    const unfinished = before.append(stream, records(1, 1));
    await before.close();
    expect(await unfinished).toEqual(new Map([[1, 5]]));
    await expect(before.end(stream)).rejects.toThrow("closed");

    const after = openIn(folder);
    expect(await after.ensure({ ...stream, existing: true })).toEqual(origin);
    expect(await after.end(stream)).toEqual([10, 5]);
    expect(await readAll(after, stream, start)).toEqual(found);
  });

  it("shows two logs on one folder each other's appends", async () => {
    const folder = freshFolder();
    const stream = freshStream();
    const [one, two] = [openIn(folder), openIn(folder)];
    await one.ensure(stream);
    const reader = await two.read(stream, start);
    for (let i = 0; i < 5; i++) {
      const waiting = reader.next(1000, 5000);
      await one.append(stream, records(1));
      expect((await waiting)[0]?.from).toBe(i);
    }
    await reader.close();
  });

  it("takes appends from several processes at once, and shows them at once", async () => {
    const folder = freshFolder();
    const stream = freshStream();
    const log = openIn(folder);
    await log.ensure(stream);
    const count = 150;
    const names = ["ann", "bob", "own"];
    const own = async (): Promise<void> => {
      for (let i = 0; i < count; i++) await log.append(stream, records(1 + (i % 4), 0, `own ${i} `));
    };
    const reader = await log.read(stream, start);
    const outside = names
      .slice(0, 2)
      .map((name) => once(startAppender(folder, stream.topic, name, String(count)), "exit"));
    const each = Array.from({ length: count }, (_, i) => 1 + (i % 4)).reduce((sum, n) => sum + n, 0);
    const [found] = await Promise.all([readUpTo(reader, start, new Map([[0, 3 * each]])), own(), ...outside]);
    await reader.close();
    const values = found.get(0)!.map(({ value }) => value!.toString());
    expect(found.get(0)!.map(({ offset }) => offset)).toEqual(values.map((_, i) => i));
    for (const name of names) {
      const expected = Array.from({ length: count }, (_, i) =>
        Array.from({ length: 1 + (i % 4) }, (_, n) => `${name} ${i} ${n}`),
      );
      expect(values.filter((value) => value.startsWith(name))).toEqual(expected.flat());
    }
    const timestamps = found.get(0)!.map(({ timestamp }) => timestamp);
    expect(timestamps).toEqual([...timestamps].sort((a, b) => a - b));
  });

  it("keeps every acknowledged record, whole appends only, when a writer is killed", async () => {
    const folder = freshFolder();
    const stream = freshStream();
    const log = openIn(folder);
    await log.ensure(stream);
    let base = 0;
    for (let round = 0; round < 4; round++) {
      const child = startAppender(folder, stream.topic, `round${round}`, "1000000");
      let acknowledged = -1;
      let end = 0;
      for await (const line of createInterface({ input: child.stdout! })) {
        [acknowledged, end] = line.split(" ").map(Number) as [number, number];
        if (acknowledged === 20 + 13 * round) child.kill("SIGKILL");
      }
      expect((await log.end(stream))[0]).toBeGreaterThanOrEqual(end);
      const found = (await readAll(log, stream, new Map([[0, base]]))).get(0)!.map(({ value }) => value!.toString());
      const appends = Number(found.at(-1)!.split(" ")[1]) + 1;
      expect(appends).toBeGreaterThan(acknowledged);
      const expected = Array.from({ length: appends }, (_, i) =>
        Array.from({ length: 1 + (i % 4) }, (_, n) => `round${round} ${i} ${n}`),
      );
      expect(found).toEqual(expected.flat());
      base += found.length;
    }
  });

  it("never gives a timestamp below the one before it, unless a clock was more than a day ahead", async () => {
    let now = 1000;
    const log = openIn(freshFolder(), { now: () => now });
    const stream = freshStream();
    await log.ensure(stream);
    const ahead = 1e12;
    for (const time of [1000, 900, 1000, 1500, 0, ahead, 1600, 1550]) {
      now = time;
      await log.append(stream, records(1));
    }
    const found = (await readAll(log, stream, start)).get(0)!;
    expect(found.map(({ timestamp }) => timestamp)).toEqual([1000, 1000, 1000, 1500, 1500, ahead, 1600, 1600]);
  });

  it("splits a large append into blocks and reads them as one sequence", async () => {
    const log = openIn(freshFolder());
    const stream = freshStream();
    await log.ensure(stream);
    const sent = Array.from({ length: 70 }, (_, i) => ({
      partition: 0,
      key: null,
      value: Buffer.alloc(i === 30 ? 3_000_000 : 50_000, `${i}`),
    }));
    await log.append(stream, sent);
    const found = (await readAll(log, stream, new Map([[0, 3]]))).get(0)!;
    expect(found.map(plainOf)).toEqual(sent.slice(3).map(plainOf));
  });

  it("detects every flipped byte of a block", async () => {
    const folder = freshFolder();
    const stream = freshStream();
    const log = openIn(folder);
    await log.ensure(stream);
    const sent = [...records(4), { partition: 0, key: Buffer.from("k"), value: null, headers: { a: "b" } }];
    await log.append(stream, sent);
    await log.append(stream, records(1));
    await log.close();
    const blockKey = [stream.topic, 0, 4];
    const size = await editBlock(folder, blockKey, () => undefined);
    for (let at = 0; at < size; at++) {
      await editBlock(folder, blockKey, (bytes) => flip(bytes, at));
      const damaged = new EmbeddedLog(folder);
      await expect(readAll(damaged, stream, start), `byte ${at}`).rejects.toMatchObject({
        code: "LOG_CORRUPT",
        facts: { stream: stream.topic, partition: 0, offsets: "offsets 0 to 4" },
      });
      expect((await readAll(damaged, stream, new Map([[0, 5]]))).get(0)!.length).toBe(1);
      await damaged.close();
      await editBlock(folder, blockKey, (bytes) => flip(bytes, at));
    }
    const well = openIn(folder);
    expect((await readAll(well, stream, start)).get(0)!.length).toBe(6);
  });

  it("says which offsets a lost block held", async () => {
    const folder = freshFolder();
    const stream = freshStream();
    const log = openIn(folder);
    await log.ensure(stream);
    for (let i = 0; i < 3; i++) await log.append(stream, records(2));
    await log.close();
    await editBlock(folder, [stream.topic, 0, 3], () => null);
    const damaged = openIn(folder);
    await expect(readAll(damaged, stream, start)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    await expect(readAll(damaged, stream, new Map([[0, 3]]))).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("refuses appends when the disk takes no more, and stays readable", async () => {
    // A limit on file size (2 MiB in blocks of 512 bytes) simulates a full disk: writes fail, nothing else does.
    const script = 'trap "" XFSZ; ulimit -f 4096; exec "$@"';
    const child = spawn("sh", ["-c", script, "sh", ...childOf("filler.ts"), freshFolder()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let said = "";
    for await (const chunk of child.stdout) said += chunk;
    const { end, code, read, unhandled } = JSON.parse(said);
    expect({ code, unhandled }).toEqual({ code: "LOG_APPEND", unhandled: 0 });
    expect(end).toBeGreaterThan(10);
    expect(read).toBe(end);
  });

  it("says why a folder cannot be opened", () => {
    const file = join(freshFolder(), "file");
    writeFileSync(file, "");
    expect(() => new EmbeddedLog(file)).toThrowError(expect.objectContaining({ code: "LOG_UNREACHABLE" }));
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 0x10;
  return copy;
}

/** Changes a stored block behind the log's back; null removes it. @returns its size */
async function editBlock(
  folder: string,
  key: (string | number)[],
  edit: (bytes: Buffer) => Buffer | null | undefined,
): Promise<number> {
  const root = openLmdb({ path: folder, noSubdir: false, overlappingSync: false, encoding: "binary", maxDbs: 4 });
  const blocks = root.openDB<Buffer, (string | number)[]>("blocks", { encoding: "binary", cache: false });
  const bytes = blocks.get(key)!;
  const edited = edit(bytes);
  if (edited) blocks.putSync(key, edited);
  if (edited === null) blocks.removeSync(key);
  await root.close();
  return bytes.length;
}
