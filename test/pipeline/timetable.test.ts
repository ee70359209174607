/** Schedules over every change of clocks: each time runs once, none is skipped, nothing pauses. */
import { describe, expect, it } from "vitest";
import { Timetable } from "../../shared/timetable.ts";

const [minute, hour] = [60_000, 3_600_000];
const day = 24 * hour;

/**
 * Checks once a minute, except while it sleeps. @returns when runs came, as the clock there showed it, with
 * its offset
 */
function runs(
  schedule: string,
  zone: string,
  from: number,
  upto: number,
  sleep?: [from: number, upto: number],
): number[] {
  const timetable = new Timetable(schedule, zone, from);
  const found: number[] = [];
  for (let now = from; now <= upto; now += minute) {
    if (sleep && now > sleep[0] && now < sleep[1]) continue;
    if (timetable.take(now) !== null) found.push(now);
  }
  return found;
}

const shown = (zone: string) => {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return (time: number) => format.format(time);
};

/** Both directions; by an hour, half an hour, two, and by a whole day. */
const changes = [
  { zone: "America/New_York", at: Date.UTC(2026, 2, 8, 7) },
  { zone: "America/New_York", at: Date.UTC(2026, 10, 1, 6) },
  { zone: "Europe/Berlin", at: Date.UTC(2026, 2, 29, 1) },
  { zone: "Europe/Berlin", at: Date.UTC(2026, 9, 25, 1) },
  { zone: "Australia/Lord_Howe", at: Date.UTC(2026, 3, 4, 15) },
  { zone: "Australia/Lord_Howe", at: Date.UTC(2026, 9, 3, 15, 30) },
  { zone: "Africa/Casablanca", at: Date.UTC(2026, 1, 15, 2) },
  { zone: "Antarctica/Troll", at: Date.UTC(2026, 2, 29, 1) },
  { zone: "Pacific/Apia", at: Date.UTC(2011, 11, 30, 10) },
  { zone: "Asia/Kolkata", at: Date.UTC(2026, 2, 29, 1) },
];

describe.each(changes)("where clocks change in $zone at $at", ({ zone, at }) => {
  const [from, upto] = [at - day - 7 * minute, at + 2 * day];
  const format = shown(zone);
  const known = new Map<number, string>();
  const text = (time: number) => {
    const found = known.get(time) ?? format(time);
    known.set(time, found);
    return found;
  };

  it.each(["0 2 * * *", "30 2 * * *", "30 1 * * *", "15 0,3 * * *"])(
    "%s runs once for each of its times",
    (schedule) => {
      const found = runs(schedule, zone, from, upto);
      const hours = schedule.split(" ")[1]!.split(",").map(Number);
      const minutes = Number(schedule.split(" ")[0]);
      /** By the clock alone, read each minute: what it comes to for the first time, or passes over. */
      const expected: number[] = [];
      let highest = Date.parse(`${text(from)}Z`);
      for (let now = from + minute; now <= upto; now += minute) {
        const wall = Date.parse(`${text(now)}Z`);
        let due = false;
        for (let passed = highest + minute; passed <= wall; passed += minute) {
          const date = new Date(passed);
          due ||= hours.includes(date.getUTCHours()) && date.getUTCMinutes() === minutes;
        }
        highest = Math.max(highest, wall);
        if (due) expected.push(now);
      }
      expect(expected.length).toBeGreaterThan(1);
      expect(found.map(text)).toEqual(expected.map(text));
    },
  );

  it.each([
    ["*/15 * * * *", 15],
    ["0 * * * *", 60],
  ] as const)("%s does not pause", (schedule, minutes) => {
    const found = runs(schedule, zone, from, upto);
    const gaps = found.slice(1).map((time, i) => (time - found[i]!) / minute);
    // half an hour that is left out, or comes twice, moves the hours
    const most = zone === "Australia/Lord_Howe" && minutes === 60 ? 90 : minutes;
    expect(Math.max(...gaps)).toBeLessThanOrEqual(most);
    expect(found.length).toBeGreaterThanOrEqual(Math.floor((upto - from) / minute / minutes) - 1);
    expect(found.length).toBeLessThanOrEqual(Math.floor((upto - from) / minute / minutes) + 2);
  });

  it.each(["0 2 * * *", "*/15 * * * *"])("%s is caught up once after a sleep over it", (schedule) => {
    for (const [start, end] of [
      [at - 5 * hour, at + 5 * hour],
      [at - day, at + day],
    ] as const) {
      const found = runs(schedule, zone, from, upto, [start, end]);
      const awake = found.filter((time) => time >= end);
      const [first, second] = awake;
      expect(first! - end).toBeLessThan(minute);
      expect(second! - first!).toBeGreaterThan(minute - 1);
      expect(second! - first!).toBeLessThanOrEqual(schedule.startsWith("*") ? 15 * minute : 26 * hour);
    }
  });
});

describe("a clock that is set", () => {
  it("back by an hour repeats no night and pauses no quarter of an hour", () => {
    const begun = Date.UTC(2025, 11, 31, 12);
    const [night, quarters] = [new Timetable("0 2 * * *", "UTC", begun), new Timetable("*/15 * * * *", "UTC", begun)];
    let now = Date.UTC(2026, 0, 1, 2, 0);
    expect([night.take(now), quarters.take(now)]).not.toContain(null);
    now -= hour;
    let [nights, many] = [0, 0];
    for (let i = 0; i < 120; i++, now += minute) {
      if (night.take(now) !== null) nights++;
      if (quarters.take(now) !== null) many++;
    }
    expect(nights).toBe(0);
    expect(many).toBeGreaterThanOrEqual(7);
  });

  it("back by years runs again within a day, and so does one that is set forward", () => {
    for (const by of [-400 * day, 400 * day]) {
      const night = new Timetable("0 2 * * *", "Europe/Berlin", Date.UTC(2026, 0, 1, 12));
      let runs = 0;
      for (let i = 0; i < 24 * 60; i++) if (night.take(Date.UTC(2026, 0, 1, 12) + by + i * minute) !== null) runs++;
      expect(runs).toBe(by < 0 ? 1 : 2);
    }
  });

  it("waits for what comes seldom, by the second where that is asked for", () => {
    const leap = new Timetable("0 0 29 2 *", "UTC", Date.UTC(2026, 0, 1));
    expect(leap.due(Date.UTC(2028, 1, 28))).toBeNull();
    expect(leap.due(Date.UTC(2028, 1, 29))).toBe(Date.UTC(2028, 1, 29));
    const seconds = new Timetable("*/10 * * * * *", "UTC", Date.UTC(2026, 0, 1));
    let count = 0;
    for (let now = Date.UTC(2026, 0, 1) + 1; now < Date.UTC(2026, 0, 1, 0, 1); now += 500)
      if (seconds.take(now) !== null) count++;
    expect(count).toBe(5);
  });
});
