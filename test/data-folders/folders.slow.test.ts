/**
 * A data folder of each version of its format, as that version left it (README.md), is opened, answers what it answered
 * then, goes on, and equals plain DuckDB all the way.
 */
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { manifestFormat } from "../../shared/store/layout.ts";
import { outputOf, scratch, start } from "../cli/tidemark.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const folders = readdirSync(here).filter((name) => name.startsWith("manifest-"));
const shops = "SELECT shop, n, cents FROM shops ORDER BY shop";

/** What the first so many orders come to. */
function expected(orders: number): object[] {
  return [0, 1, 2, 3].map((shop) => {
    const own = Array.from({ length: orders }, (_, i) => i).filter((i) => i % 4 === shop);
    return { shop: `s${shop}`, n: own.length, cents: own.reduce((sum, i) => sum + ((i * 7) % 100), 0) };
  });
}

describe("a data folder", () => {
  it("of this version is among them", () => {
    expect(folders).toContain(`manifest-${manifestFormat}`);
  });

  it.each(folders)("of %s opens and goes on", async (name) => {
    const data = join(scratch(), "data");
    cpSync(join(here, name), data, { recursive: true });
    // git keeps no empty folders
    for (const folder of ["pins", "scratch"]) mkdirSync(join(data, folder), { recursive: true });
    const given = ["--project", join(here, "project"), "--data", data];
    const rows = async () => JSON.parse(await outputOf("query", shops, "--json", ...given)) as object[];
    expect(await rows()).toEqual(expected(30));
    await outputOf("verify", ...given);
    // speed takes up what it had not seen
    const speed = start("speed", ...given);
    await expect.poll(rows, { interval: 200 }).toEqual(expected(36));
    await speed.stop();
    await outputOf("verify", ...given);
    await outputOf("batch", "--once", ...given);
    expect(await rows()).toEqual(expected(36));
    await outputOf("rebuild", "--full-speed", ...given);
    expect(await rows()).toEqual(expected(36));
    await outputOf("verify", ...given);
    await outputOf("verify", "--files", ...given);
  });
});
