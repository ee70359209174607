/** A real Debezium writes changes in every way it can be configured to, and repeats them after a restart. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture, captureLacking } from "../sources/debezium/capture/capture.ts";
import { modes } from "../sources/debezium/capture/modes.ts";
import { judge } from "../sources/debezium/judge.ts";
import type { Fault, FaultReport } from "./fault.ts";

export const debezium: Fault = {
  name: "debezium",
  promise: "changes that Debezium wrote, folded by key, are the table's rows",
  how:
    "Debezium 3.6.1 on PostgreSQL 15, both replica identities, decimals and times in every mode, with schemas and " +
    "without; killed, so that it repeats changes",
  full: modes.length,
  short: 1,
  async run({ n, say }): Promise<FaultReport> {
    const skipped = captureLacking();
    if (skipped !== null) return { n: 0, failures: [], facts: {}, skipped };
    const folder = mkdtempSync(join(tmpdir(), "tidemark-debezium-"));
    try {
      const chosen = modes.slice(0, n);
      const { records, expected } = await capture(chosen, folder);
      const failures: string[] = [];
      let [tables, repeated] = [0, 0];
      for (const mode of chosen) {
        for (const table of ["by_key", "by_row"] as const) {
          for (const withSchemas of [true, false]) {
            const where = `${mode.name} ${table} ${withSchemas ? "with schemas" : "payloads alone"}`;
            try {
              const { differences, skipped } = judge(records.get(mode.name)!, expected, mode, table, withSchemas);
              failures.push(...differences.slice(0, 5).map((each) => `${where}: ${each}`));
              repeated += skipped;
            } catch (error) {
              failures.push(`${where}: ${String(error)}`);
            }
            tables++;
          }
        }
        say(mode.name);
      }
      return { n: chosen.length, failures, facts: { "tables folded": tables, "repetitions skipped": repeated } };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
