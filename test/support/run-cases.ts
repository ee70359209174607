import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { readCaseFile, ViewBench } from "./view-case.ts";

const folder = join(import.meta.dirname, "../views/cases");

/**
 * A test for each SELECT of the case files whose names match: that it is exact, however its events are cut,
 * by default.
 */
export function runCases(names: RegExp, expectOf: (bench: ViewBench, sql: string) => Promise<void> = exact): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".sql") && names.test(name))) {
    const cases = readCaseFile(join(folder, file));
    describe(cases.name, () => {
      let bench: ViewBench;
      beforeAll(async () => {
        bench = await ViewBench.open(cases);
      });
      afterAll(() => bench.close());
      for (const sql of cases.selects) test(sql, { timeout: 60_000 }, () => expectOf(bench, sql));
    });
  }
}

function exact(bench: ViewBench, sql: string): Promise<void> {
  return bench.expectExact(sql);
}
