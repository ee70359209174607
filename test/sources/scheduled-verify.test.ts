/** Changelogs are compared with their tables at their times, what differs is read again, and all of it is said. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MemoryLog } from "../../shared/log/memory.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import type { Store } from "../../shared/store/store.ts";
import { Control } from "../../sources/control.ts";
import { verifyOnSchedule } from "../../sources/scheduled-verify.ts";
import type { LocatedVerdict } from "../../sources/verify-table.ts";
import { openMemory } from "../support/store.ts";

const hour = 3_600_000;
const begin = Date.UTC(2026, 11, 1, 12);

let log: MemoryLog;
let store: Store;
let control: Control<unknown>;
const said: string[] = [];
/** Streams of each comparison, in their order. */
const compared: string[] = [];
let verdictOf: (stream: string) => Partial<LocatedVerdict> = () => ({});
let end: () => Promise<void>;

beforeEach(async () => {
  vi.useFakeTimers({ now: begin, toFake: ["setTimeout", "clearTimeout", "Date"] });
  [said.length, compared.length] = [0, 0];
  verdictOf = () => ({});
  log = new MemoryLog();
  store = await openMemory();
  control = await Control.open(log, "p", "shop");
  end = start();
});
afterEach(async () => {
  await end();
  vi.useRealTimers();
});

function start(): () => Promise<void> {
  return verifyOnSchedule({
    source: "shop",
    streams: ["customers", "lines"],
    schedule: "0 4 * * *",
    timezone: "Europe/Berlin",
    control,
    incidents: new Incidents(store, "sources", Date.now),
    now: Date.now,
    say: (line) => said.push(line),
    verify: async function* (streams) {
      compared.push(streams.join(" "));
      for (const stream of streams)
        yield {
          stream,
          rows: 7,
          lsn: "0/2A",
          missing: 0,
          extra: 0,
          other: 0,
          keys: ['["secret"]'],
          ...verdictOf(stream),
        };
    },
  });
}

/** Until nothing goes on. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  await control.read();
}

const incidents = async () => (await incidentsIn(store)).map(({ kind, subject }) => `${kind} ${subject}`);

it("once a night, on the clock of the time zone", async () => {
  await pass(15 * hour - 1000);
  expect(compared).toEqual([]);
  await pass(2000);
  expect(compared).toEqual(["customers lines"]);
  expect(said).toEqual(["verify: customers: 7 rows at 0/2A, equal", "verify: lines: 7 rows at 0/2A, equal"]);
  expect(control.verified).toEqual({ at: begin + 15 * hour, differed: {} });
  await pass(24 * hour);
  expect(compared).toHaveLength(2);
  expect(await incidents()).toEqual([]);
});

it("has read again what differs, and compares it once more", async () => {
  let isMended = false;
  verdictOf = (stream) => (stream === "lines" && !isMended ? { missing: 1, other: 2 } : {});
  const ask = vi.spyOn(control, "ask").mockImplementation(async () => {
    expect(await incidents()).toEqual(["source-differs lines"]);
    isMended = true;
  });
  await pass(16 * hour);
  expect(ask.mock.calls).toEqual([["lines"]]);
  expect(compared).toEqual(["customers lines", "lines"]);
  expect(said.slice(1)).toEqual([
    "verify: lines: 7 rows at 0/2A, 1 are missing, 2 are otherwise",
    "verify: lines: 7 rows at 0/2A, equal, read again",
  ]);
  expect(control.verified?.differed).toEqual({ lines: "1 are missing, 2 are otherwise" });
  expect(await incidents()).toEqual([]);
});

it("says so for as long as it differs", async () => {
  verdictOf = () => ({ extra: 1 });
  await pass(16 * hour);
  expect(await incidents()).toEqual(["source-differs customers", "source-differs lines"]);
  const [{ message, streams } = {}] = await incidentsIn(store);
  expect([message, streams]).toEqual([expect.stringContaining("was read again in vain"), ["customers"]]);
  expect(said.join()).not.toContain("secret");
  await control.read();
  expect([...control.asked]).toEqual(["customers", "lines"]);
  verdictOf = () => ({});
  await pass(24 * hour);
  expect(await incidents()).toEqual([]);
});

it("says what kept it from comparing, and makes up for what was missed while it did not run", async () => {
  verdictOf = () => {
    throw new Error("no server");
  };
  await pass(16 * hour);
  expect(await incidents()).toEqual(["source-unverified shop"]);
  expect([said, control.verified]).toEqual([["shop: verify: no server"], null]);
  verdictOf = () => ({});
  await pass(24 * hour);
  expect(await incidents()).toEqual([]);
  await end();
  await pass(48 * hour);
  expect(compared).toHaveLength(2);
  end = start();
  await pass(60_000);
  expect(compared).toHaveLength(3);
  expect(said).toContain("shop: verify of 2026-12-05T03:00:00.000Z was missed; running now");
});

it("is not forgotten where the control stream is trimmed", async () => {
  await control.noteVerified({ at: 5, differed: { lines: "x" } });
  await control.remember({});
  for (let n = 0; n < 3000; n++) await control.note([n], {});
  const [first = 0] = await log.first({
    name: "__control_shop",
    topic: "p.__control_shop",
    existing: false,
    partitions: 1,
  });
  expect(first).toBeGreaterThan(1000);
  expect((await Control.open(log, "p", "shop")).verified).toEqual({ at: 5, differed: { lines: "x" } });
});
