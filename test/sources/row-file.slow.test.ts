/** A process that is killed at its calls to the disk while it forgets a key: the old rows are there, or the new. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { RowFile } from "../../sources/row-file.ts";
import { compilePreload, readCalls } from "../faults/syscalls/preload.ts";
import { someOf } from "../support/share.ts";

const marker = "Ada Lovelace of Marylebone";
const built = fileURLToPath(new URL("../../dist/sources/row-file.js", import.meta.url));
const program = `import { RowFile } from ${JSON.stringify(built)};
  const rows = RowFile.open(process.env.TM_ROOT, () => 0);
  await rows.forget(['["ada"]']);
  await rows.close();`;
const others = 300;

it("leaves either file, whatever it is killed at", async (context) => {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-forget-"));
  try {
    const preload = compilePreload(dir);
    if ("lacking" in preload) {
      if (process.env.CI) throw new Error(preload.lacking);
      context.skip(preload.lacking);
      return;
    }
    const [filled, folder] = [join(dir, "filled"), join(dir, "rows")];
    await fill(filled);
    const forget = (env: Readonly<Record<string, string>>) => {
      rmSync(folder, { recursive: true, force: true });
      cpSync(filled, folder, { recursive: true });
      const own = { LD_PRELOAD: preload.library, TM_ROOT: folder, ...env };
      return spawnSync(process.execPath, ["--input-type=module", "-e", program], { env: { ...process.env, ...own } });
    };
    const calls = join(dir, "calls.txt");
    const whole = forget({ TM_CALLS: calls });
    expect([whole.status, whole.stderr.toString()]).toEqual([0, ""]);
    expect(await found(folder)).toBe("new");
    const seen = new Set<string>();
    const all = readCalls(calls).filter(({ path }) => !path.endsWith("-lock"));
    expect(all.filter(({ kind }) => kind === "rename")).toHaveLength(1);
    const names = all.filter(({ kind }) => kind === "rename" || kind === "unlink");
    const rest = all.filter((call) => !names.includes(call));
    for (const { number } of [all[0]!, ...names, ...someOf(rest, 6)]) {
      expect(forget({ TM_AT: String(number), TM_HOW: "after" }).signal).toBe("SIGKILL");
      seen.add(await found(folder));
    }
    expect([...seen].sort()).toEqual(["new", "old"]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

async function fill(folder: string): Promise<void> {
  const rows = RowFile.open(folder, () => 0)!;
  for (let id = 0; id < others; id++) rows.set(`[${id}]`, { row: `{"id":${id}}`, order: null });
  rows.set('["ada"]', { row: `{"id":"ada","note":"${marker}"}`, order: null });
  rows.flush({ topic: "t", partitions: [] });
  await rows.close();
}

/** Which rows a process finds that opens the folder next. */
async function found(folder: string): Promise<"old" | "new"> {
  const rows = RowFile.open(folder, () => 0)!;
  try {
    const all = [...rows.rows()];
    const own = all.filter((row) => !row.includes(marker));
    expect(own).toHaveLength(others);
    expect(rows.marks).toEqual({ topic: "t", partitions: [] });
    const withMarker = readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(marker));
    if (all.length > others) return "old";
    expect(withMarker).toEqual([]);
    return "new";
  } finally {
    await rows.close();
  }
}
