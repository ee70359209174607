/** Ten times more ids in the window than fit in memory: the rule still holds, and memory does not grow with them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplicates } from "../../shared/duplicates/duplicates.ts";
import { entryBytes } from "../../shared/duplicates/seen.ts";
import { Spill } from "../../shared/duplicates/spill.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import { type Fault, randomOf } from "./fault.ts";
import { ownMemory } from "./measure.ts";

const perBatch = 10_000;
const value = Buffer.from("{}");

export const manyIds: Fault = {
  name: "many-ids",
  promise: "duplicate suppression keeps to its memory, however many ids its window holds",
  how: "ids in one window, ten times as many as are kept in memory; one in ten comes twice, from anywhere before",
  full: 5_000_000,
  short: 600_000,
  run: async ({ n, seed, say }) => {
    if (ownMemory(process.pid) === null)
      return { n: 0, failures: [], facts: {}, skipped: "/proc/self/status does not show a process's own memory" };
    const dir = mkdtempSync(join(tmpdir(), "tidemark-ids-"));
    const random = randomOf(seed);
    const duplicates = new Duplicates(3_600_000, new Spill(join(dir, "ids"), Math.ceil(n / 10) * entryBytes));
    const failures: string[] = [];
    let [fresh, offset, doubled, half] = [0, 0, 0, 0];
    try {
      while (fresh < n) {
        const expected: number[] = [];
        const before = fresh;
        const ids = Array.from({ length: perBatch }, (_, row) => {
          // only from earlier batches, so that the first of two is certain
          if (random() >= 0.1 || before === 0) return `id-${fresh++}`;
          expected.push(row);
          return `id-${Math.floor(random() * before)}`;
        });
        const records = ids.map((_, i) => ({ offset: offset + i, timestamp: offset / 10, key: null, value }));
        const judged = duplicates.judge([new ArrayBatch(0, offset, offset + perBatch, records)], ids);
        offset += perBatch;
        doubled += expected.length;
        if (JSON.stringify(judged.duplicates) !== JSON.stringify(expected))
          failures.push(`SEED=${seed} at record ${offset}: other records were suppressed`);
        if (half === 0 && fresh >= n / 2) {
          globalThis.gc?.();
          half = ownMemory(process.pid) ?? 0;
        }
        if (offset % 500_000 === 0) say(`${fresh} ids, ${Math.round((ownMemory(process.pid) ?? 0) / 2 ** 20)} MB`);
      }
      globalThis.gc?.();
      const grown = Math.round(((ownMemory(process.pid) ?? 0) - half) / 2 ** 20);
      // the second half of the ids, if they were kept in memory, would take about this much
      const kept = Math.round(((n / 2) * 150) / 2 ** 20);
      if (grown > Math.max(kept / 2, 64)) failures.push(`memory grew by ${grown} MB over the second half of the ids`);
      return {
        n,
        failures,
        facts: { duplicates: doubled, "MB grown over the second half": grown, "MB they would take": kept },
      };
    } finally {
      await duplicates.close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};
