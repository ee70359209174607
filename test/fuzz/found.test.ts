/** What fuzzing found before holds, and a fault that is put in is found and made small. */
import { describe, expect, test } from "vitest";
import type { ViewDefinition } from "../../shared/definition.ts";
import { randomRecords } from "./events.ts";
import { foundCases } from "./found.ts";
import { viewsOf } from "./grammar.ts";
import { randomHistory } from "./history.ts";
import { Lane, type Tamper } from "./lane.ts";
import { replay } from "./replay.ts";
import { numbersOf } from "./seeds.ts";
import { caseOf, shrink } from "./shrink.ts";

test(`${foundCases().length} cases that once failed`, async () => {
  expect(await replay()).toEqual([]);
});

const faults: Readonly<Record<string, Tamper>> = {
  "the largest sum instead of the sum of sums": (view) => with_(view, "combine", /\bsum\(p/g, "max(p"),
  "NULL keys left out": (view) =>
    view.keys.length > 0
      ? { ...view, combine: view.combine.replace("FROM partials", "FROM partials WHERE k0 IS NOT NULL") }
      : view,
};

function with_(view: ViewDefinition, text: "partial" | "combine", from: RegExp, to: string): ViewDefinition {
  return { ...view, [text]: view[text].replace(from, to) };
}

describe("a fault that is put in", () => {
  for (const [name, tamper] of Object.entries(faults)) {
    test(name, async () => {
      const lane = await Lane.open(tamper);
      try {
        const drawing = await firstBroken(lane);
        const { found } = await shrink(lane, drawing);
        expect(found.sql.length).toBeLessThan(120);
        expect(found.records.flat().length).toBeLessThan(4);
      } finally {
        lane.close();
      }
    }, 120_000);
  }
});

test("a fault in what changes is found", async () => {
  const lane = await Lane.open((view) => with_(view, "partial", /__weight < 0/g, "__weight < -1"));
  try {
    const { view } = await firstBroken(lane, { changelog: true });
    expect(caseOf({ view, records: [], steps: [] }).sql).toContain("events");
  } finally {
    lane.close();
  }
}, 120_000);

async function firstBroken(lane: Lane, kind: { readonly changelog?: true } = {}) {
  for (const { number, view } of viewsOf(1)) {
    const records = randomRecords(numbersOf(1, "events", number));
    const drawing = { view, records, steps: randomHistory(numbersOf(1, "history", number), records), ...kind };
    if ((await lane.run(caseOf(drawing))).kind === "broken") return drawing;
  }
  throw new Error("unreachable: the views don't end");
}

test("view number i of a seed is the same however many are run", () => {
  const texts = (count: number) => {
    const list: string[] = [];
    for (const { number, view } of viewsOf(7)) {
      if (number === count) break;
      list.push(caseOf({ view, records: [], steps: [] }).sql);
    }
    return list;
  };
  expect(texts(40).slice(0, 20)).toEqual(texts(20));
});
