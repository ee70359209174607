/** The laws of state at a log position, of each kind that there is, and of one that is only here. */
import { expect, it } from "vitest";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { CarriedRequests } from "../../shared/duplicates/partition.ts";
import type { CarriedState, State } from "../../shared/state/state.ts";
import { type SegmentSuppression, type Suppression, suppression } from "../../shared/state/suppression.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { type CarriedRows, type LastRows, lastRows } from "./last-rows.ts";
import { checkLaws, type Subject } from "./laws.ts";

const minute = 60_000;
const fields = { e: "VARCHAR?", x: "INTEGER" };
const events = { ...stream("events", fields), id: "e", dedupMs: 10 * minute, partitions: 1 };
const views = { all: "SELECT count(*) AS n FROM events" };

/** Times between records: mostly little, some longer than any window. */
const afterMs = (int: (below: number) => number) => (int(20) === 0 ? 26 * 60 * minute : int(4) * minute);

const duplicates: Omit<Subject<Suppression, CarriedRequests, SegmentSuppression>, "stream"> = {
  kind: suppression,
  views,
  next: (int) => {
    const value = JSON.stringify({ e: int(5) === 0 ? null : `e${int(15)}`, x: 1 });
    const valid = int(10) > 0;
    const id = { request: ["a", "b", "dl:events/0/1"][int(3)]!, sequence: int(30) };
    return {
      sent: { partition: 0, value: valid ? value : "{", valid, ...(int(2) === 0 ? { id } : {}) },
      afterMs: afterMs(int),
    };
  },
  observe: async (state, foldOn) => {
    const clock = state.rule.clockOf(0);
    return JSON.stringify({ clock, rest: await foldOn(), carried: state.carry() });
  },
};

const row = "STRUCT(id BIGINT)";
const changelog: StreamDefinition = {
  ...stream("events", { op: "VARCHAR", before: `${row}?`, after: `${row}?`, source: "VARCHAR?" }),
  partitions: 1,
  changelog: { key: ["id"], row: stream("", { id: "BIGINT" }).fields },
};

/** Writers that take over from each other, go on behind each other's back, and write without saying after what. */
function writers(): Omit<Subject<Suppression, CarriedRequests, SegmentSuppression>, "stream"> {
  let last = { writer: "", next: 0 };
  const requests = new Map<string, string>();
  let made = 0;
  return {
    kind: suppression,
    views,
    next: (int) => {
      const writer = int(4) > 0 && last.writer !== "" ? last.writer : `w${int(3) === 0 ? int(made + 1) : ++made}`;
      const isNew = !requests.has(writer);
      const request = requests.get(writer) ?? `chain:${writer}:${last.next}`;
      requests.set(writer, request);
      const sequence = int(6) === 0 ? int(last.next + 2) : last.next;
      if ((isNew || writer === last.writer) && sequence === last.next) last = { writer, next: sequence + 1 };
      const value = JSON.stringify({ op: "c", before: null, after: { id: 1 }, source: "" });
      const valid = int(10) > 0;
      return {
        sent: { partition: 0, value: valid ? value : "{", valid, id: { request, sequence } },
        afterMs: afterMs(int),
      };
    },
    observe: async (state, foldOn) =>
      JSON.stringify({ end: state.rule.chainOf(0), clock: state.rule.clockOf(0), rest: await foldOn() }),
  };
}

const rows: Subject<LastRows, CarriedRows, object> = {
  kind: lastRows,
  stream: { ...stream("events", { k: "VARCHAR", v: "INTEGER" }), partitions: 1 },
  views,
  next: (int) => {
    const valid = int(10) > 0;
    const value = valid ? JSON.stringify({ k: `k${int(20)}`, v: int(1000) }) : "{";
    return { sent: { partition: 0, value, valid }, afterMs: afterMs(int) };
  },
  observe: async (state) => JSON.stringify([...(state.rows.get(0) ?? [])].sort()),
};

async function holds<S extends State<C, R>, C extends CarriedState, R extends object>(
  name: string,
  subject: Subject<S, C, R> | (() => Subject<S, C, R>),
): Promise<void> {
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
  const runs = Number(process.env.RUNS ?? (isFull ? 3 : 2));
  let positions = 0;
  for (let run = 0; run < runs; run++) {
    const own = typeof subject === "function" ? subject() : subject;
    const found = await checkLaws(own, seededNumbers(seed + run));
    expect(found.differences, `SEED=${seed + run} RUNS=1`).toEqual([]);
    positions += found.positions;
  }
  expect(positions).toBeGreaterThan(runs);
  console.info(`state: ${name}, N=${runs} SEED=${seed}, ${positions} positions`);
}

it("duplicates, by request and by event", { timeout: 120_000 }, () =>
  holds("duplicates", { ...duplicates, stream: events }),
);
it("duplicates, by request alone", { timeout: 120_000 }, () =>
  holds("requests", { ...duplicates, stream: { ...events, dedupMs: null } }),
);
it("the chain of a changelog", { timeout: 120_000 }, () => holds("chain", () => ({ ...writers(), stream: changelog })));
it("the last row of each key", { timeout: 120_000 }, () => holds("last rows", rows));
