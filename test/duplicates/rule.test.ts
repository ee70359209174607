/** The rule, against its own words over everything that came before. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { Duplicates, joinCarried } from "../../shared/duplicates/duplicates.ts";
import { stampMax, stampWithin } from "../../shared/duplicates/log-time.ts";
import type { CarriedRequests } from "../../shared/duplicates/partition.ts";
import { entryBytes } from "../../shared/duplicates/seen.ts";
import { Spill } from "../../shared/duplicates/spill.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { LogRecord } from "../../shared/log/log.ts";
import { logTimes } from "../support/log-time.ts";
import { seededNumbers } from "../views/seeded.ts";

const dirs: string[] = [];
const spill = (idsMax: number) => {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-ids-"));
  dirs.push(dir);
  return new Spill(join(dir, "ids"), idsMax * entryBytes);
};
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

interface Row {
  readonly record: LogRecord;
  readonly id: string | null;
}

const windowMs = 1000;
const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
const hour = (time: number) => Math.floor(time / hourMs);

/** What is to be suppressed of one partition's rows, and how many came too late to know. */
function expected(rows: readonly Row[]): { repeated: number[]; duplicates: number[]; late: number } {
  const [repeated, duplicates]: [number[], number[]] = [[], []];
  const counted: { id: string; place: number }[] = [];
  const requests: { request: string; sequence: number; place: number }[] = [];
  const moments = logTimes(rows.map(({ record }) => record.timestamp));
  let late = 0;
  for (const [row, { record, id }] of rows.entries()) {
    const { now, at, stamp, strange } = moments[row]!;
    /** When something was, as it is known here. */
    const timeOf = (place: number) => (moments[place]!.settled > row ? Number.POSITIVE_INFINITY : moments[place]!.time);
    if (record.id) {
      const { request, sequence } = record.id;
      const lives = ({ place }: { place: number }) =>
        request.startsWith("dl:") || hour(timeOf(place)) >= hour(now) - 24;
      if (requests.some((each) => each.request === request && each.sequence === sequence && lives(each))) {
        repeated.push(row);
        continue;
      }
      requests.push({ request, sequence, place: row });
    }
    if (id !== null) {
      const times = counted.filter((each) => each.id === id).map(({ place }) => timeOf(place));
      if (times.some((time) => time >= at - windowMs)) {
        duplicates.push(row);
        continue;
      }
      counted.push({ id, place: row });
    }
    if (strange || (id !== null && record.timestamp < stamp - windowMs)) late++;
  }
  return { repeated, duplicates, late };
}

/** Clocks that are wrong: by days or years, in other units, or not at all there; some for one record, some for many. */
function wrongly(random: () => number, time: number, before: number): number {
  const dice = Math.floor(random() * 10);
  if (dice < 3) return before;
  return [time + 2 * dayMs, time + 10 * 365 * dayMs, time * 1000, stampMax, 0, time - 5 * dayMs, time + dayMs][
    dice - 3
  ]!;
}

function someRows(random: () => number): Row[] {
  const int = (below: number) => Math.floor(random() * below);
  const stride = [1, 50, 400, hourMs / 10, 3 * hourMs, dayMs][int(6)]!;
  const wrong = [0, 0.05, 0.5][int(3)]!;
  let [offset, time, before] = [0, Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1)];
  return Array.from({ length: 20 + int(200) }, () => {
    offset += 1 + (random() < 0.1 ? int(5) : 0);
    time += int(stride);
    // some clocks are behind, by little or by much
    const behind = random() < 0.1 ? time - int(3 * windowMs) : time;
    const timestamp = stampWithin(random() < wrong ? wrongly(random, time, before) : behind);
    before = timestamp;
    const request = ["a", "b", "c", "dl:s/0/1"][int(4)]!;
    const sequence = random() < 0.7 ? int(4) : int(40);
    const id = random() < 0.5 ? { id: { request, sequence } } : {};
    return {
      record: { offset, timestamp, key: null, value: Buffer.from("{}"), ...id },
      id: random() < 0.7 ? ["x", "y".repeat(400), `z${int(6)}`][int(3)]! : null,
    };
  });
}

it("is what its words say, however the records are cut into batches, and with ids that do not fit", async () => {
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
  const runs = Number(process.env.RUNS ?? 150);
  let [suppressed, late] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const random = seededNumbers(seed + run);
    const partitions = [someRows(random), someRows(random)];
    const judge = new Duplicates(windowMs, spill(run % 2 === 0 ? 3 : 1e6));
    const found = partitions.map(() => ({ repeated: [] as number[], duplicates: [] as number[], late: 0 }));
    const at = [0, 0];
    while (partitions.some((rows, partition) => at[partition]! < rows.length)) {
      // several batches at a time, of either partition
      const taken = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
        const partition = Math.floor(random() * 2);
        const start = at[partition]!;
        const rows = partitions[partition]!.slice(start, start + Math.floor(random() * 20));
        at[partition] = start + rows.length;
        return { partition, start, rows };
      }).filter(({ rows }) => rows.length > 0);
      const batches = taken.map(({ partition, rows }) => {
        const records = rows.map((row) => row.record);
        return new ArrayBatch(partition, records[0]!.offset, records.at(-1)!.offset + 1, records);
      });
      const judged = judge.judge(
        batches,
        taken.flatMap(({ rows }) => rows.map((row) => row.id)),
      );
      let first = 0;
      for (const { partition, start, rows } of taken) {
        for (const kind of ["repeated", "duplicates"] as const) {
          const own = judged[kind].filter((row) => row >= first && row < first + rows.length);
          found[partition]![kind].push(...own.map((row) => row - first + start));
        }
        first += rows.length;
      }
      late += judged.late;
    }
    await judge.close();
    const truth = partitions.map(expected);
    expect(
      found.map(({ repeated, duplicates }) => ({ repeated, duplicates })),
      `SEED=${seed + run} RUNS=1`,
    ).toEqual(truth.map(({ repeated, duplicates }) => ({ repeated, duplicates })));
    for (const each of truth) {
      late -= each.late;
      suppressed += each.repeated.length + each.duplicates.length;
    }
  }
  expect(late).toBe(0);
  expect(suppressed).toBeGreaterThan(runs);
  console.info(`duplicates: N=${runs} SEED=${seed}, ${suppressed} records suppressed as the rule's words say`);
});

it("is the same after a takeover with what entries carried, and reads only what they did not", async () => {
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
  const runs = Number(process.env.RUNS ?? 150);
  let [suppressed, takeovers, read] = [0, 0, 0];
  for (let run = 0; run < runs; run++) {
    const random = seededNumbers(seed + run);
    const rows = someRows(random).map((row): Row => ({ ...row, id: null }));
    const judgeRows = (judge: Duplicates, from: number, upto: number) => {
      const records = rows.slice(from, upto).map((row) => row.record);
      const batch = new ArrayBatch(0, records[0]!.offset, records.at(-1)!.offset + 1, records);
      return judge.judge([batch], null).repeated.map((row) => row + from);
    };
    let judge = new Duplicates(null, spill(1e6));
    /** What was carried, each with where it begins. */
    let stretches: { from: number; carried: CarriedRequests[] }[] = [];
    const repeated: number[] = [];
    for (let at = 0; at < rows.length; ) {
      const upto = Math.min(rows.length, at + 1 + Math.floor(random() * 20));
      repeated.push(...judgeRows(judge, at, upto));
      stretches.push({ from: at, carried: judge.carry() });
      at = upto;
      if (random() < 0.2 && stretches.length > 2) {
        const joined = joinCarried(stretches.slice(-3).map(({ carried }) => carried));
        stretches = [...stretches.slice(0, -3), { from: stretches.at(-3)!.from, carried: joined }];
      }
      if (random() < 0.3) {
        takeovers++;
        await judge.close();
        judge = new Duplicates(null, spill(1e6));
        // what is known already may end within the first stretch that is carried
        const known = Math.floor(random() * at);
        if (known > 0) judgeRows(judge, 0, known);
        const end = (i: number) => stretches[i + 1]?.from ?? at;
        const rest = stretches.flatMap(({ carried }, i) => (end(i) > known ? [{ carried, upto: end(i) }] : []));
        let from = known;
        for (const { carried, upto: reached } of rest) {
          if (!carried.every((each) => judge.pass(each))) break;
          from = reached;
        }
        if (from < at) {
          read++;
          judgeRows(judge, from, at);
        }
        judge.carry();
      }
    }
    await judge.close();
    expect(repeated, `SEED=${seed + run} RUNS=1`).toEqual(expected(rows).repeated);
    suppressed += repeated.length;
  }
  expect(takeovers).toBeGreaterThan(runs / 2);
  expect(suppressed).toBeGreaterThan(runs);
  console.info(
    `duplicates: N=${runs} SEED=${seed}, ${takeovers} takeovers, ${read} of them read more, ${suppressed} suppressed`,
  );
});
