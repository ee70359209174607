/**
 * Address space is bounded, too: whatever keeps an LMDB file maps about as much as is in it, also while it
 * grows under its readers.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { ModelFile } from "../../serving/model/model-file.ts";
import { Spill } from "../../shared/duplicates/spill.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";
import { until } from "../support/until.ts";

const mega = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), "tidemark-map-"));
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Megabytes of address space that are mapped to files here. */
function mapped(): number {
  const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
  const own = lines.filter((line) => line.includes(folder));
  const bytes = own.map((line) =>
    line
      .split(" ")[0]!
      .split("-")
      .map((each) => Number.parseInt(each, 16)),
  );
  return Math.ceil(bytes.reduce((sum, [from, upto]) => sum + upto! - from!, 0) / mega);
}

const kinds = {
  "a read model": (path: string) => {
    const file = new ModelFile(`${path}.mdb`, { readOnly: false });
    open.push(file);
    return async (i: number) => file.put(i, [[`k${i}`, "x".repeat(mega)]]);
  },
  "spilled ids": (path: string) => {
    const spill = new Spill(path);
    open.push(spill);
    return async (i: number) => spill.put(`p${i}/`, [["k", "x".repeat(mega)]]);
  },
  "the embedded log": (path: string) => {
    const log = new EmbeddedLog(path);
    open.push(log);
    const stream = { name: "s", topic: "s", partitions: 1, existing: false };
    return async () => {
      await log.ensure(stream);
      await log.append(stream, [{ partition: 0, key: null, value: Buffer.alloc(mega) }]);
    };
  },
};

it.runIf(process.platform === "linux").each(Object.entries(kinds))("%s maps what it needs", async (name, make) => {
  const write = make(join(folder, name.replaceAll(" ", "-")));
  await write(0);
  expect(mapped()).toBeGreaterThan(0);
  expect(mapped()).toBeLessThan(16);
  for (let i = 1; i < 24; i++) await write(i);
  expect(mapped()).toBeLessThan(256);
});

it("is read while it grows", async () => {
  const path = join(folder, "shared.mdb");
  const writer = new ModelFile(path, { readOnly: false });
  writer.put(0, [["k0", "first"]]);
  const reader = new ModelFile(path, { readOnly: true });
  open.push(reader, writer);
  for (let i = 1; i < 24; i++) {
    writer.put(i, [[`k${i}`, `${i}`.repeat(mega)]]);
    // what a reader has begun to read may be of before, for a moment
    await until(() => reader.get(i, `k${i}`) !== undefined);
    expect(reader.get(0, "k0")).toBe("first");
    expect(reader.get(i, `k${i}`)?.length).toBe(`${i}`.length * mega);
    expect(reader.get(i, "k0")).toBeUndefined();
  }
});
