import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { readCaseFile, ViewBench } from "../support/view-case.ts";

const folder = join(import.meta.dirname, "cases");

for (const file of readdirSync(folder).filter((name) => name.endsWith(".sql"))) {
  const cases = readCaseFile(join(folder, file));
  describe(cases.name, () => {
    let bench: ViewBench;
    beforeAll(async () => {
      bench = await ViewBench.open(cases);
    });
    afterAll(() => bench.close());
    for (const sql of cases.selects) test(sql, () => bench.expectExact(sql));
  });
}
