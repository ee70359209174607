/** What a run does, as a table: a row is what it finds, where it differs from an ordinary night, and the plan of it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { planRun, type RunPlan, type Situation } from "../../batch/plan.ts";
import type { Definition, ViewDefinition } from "../../shared/definition.ts";
import { formatPosition, type Position } from "../../shared/position.ts";
import type { Head, VersionManifest, ViewFile } from "../../shared/store/layout.ts";
import type { Snapshot } from "../../shared/store/versions.ts";
import { stream } from "../support/view-case.ts";

const view = (name: string, streams: string[], more: Partial<ViewDefinition> = {}) =>
  ({ name, streams, identity: `${name} 1`, finalize: `rows of ${name}`, ...more }) as ViewDefinition;

const tried = { groups: [], more: false };
const file = (name: string, more: Partial<ViewFile> = {}): ViewFile => ({
  file: { name, bytes: 100, sha256: "0" },
  rows: 1,
  failing: tried,
  ...more,
});

const [ofA, ofB, ofBoth] = [view("ofA", ["a"]), view("ofB", ["b"]), view("ofBoth", ["a", "b"])] as const;
const definition = {
  project: "p",
  streams: [stream("a", { x: "INTEGER" }), stream("b", { x: "INTEGER" })],
  references: [],
  views: [ofA, ofB, ofBoth],
  timezone: "UTC",
  duckdb: "test",
  shards: 1,
} satisfies Definition;

const at = (a0: number, a1: number, b: number): Position => ({ a: { 0: a0, 1: a1 }, b: { 0: b, 1: 0 } });
const newest = {
  number: 3,
  cause: "batch",
  definition,
  origin: at(0, 0, 0),
  cut: at(10, 10, 5),
  views: { ofA: file("3/ofA"), ofB: file("3/ofB"), ofBoth: file("3/ofBoth") },
} as unknown as VersionManifest;

const head = (position: Position, views: Record<string, ViewFile> = { ofA: file("delta/ofA") }) =>
  ({ version: 3, shard: 0, generation: 1, position, entries: [{ views }] }) as unknown as Head;
const served = (position: Position, heads: Head[] = [head(position)], manifest = newest): Snapshot => ({
  manifest,
  heads,
  position,
});

/** Speed has counted all that the log has: two events of `a` since the cut. */
const night: Situation = {
  mode: "full",
  definition,
  newest,
  damaged: new Set(),
  lost: null,
  served: served(at(12, 10, 5)),
  unreadable: null,
  silent: false,
  origin: at(0, 0, 0),
  end: at(12, 10, 5),
  stopped: [],
  replay: null,
  keptFrom: 1000,
};
const withViews = (...views: ViewDefinition[]): Definition => ({ ...definition, views });
const changed = view("ofA", ["a"], { identity: "ofA 2" });
const replay = (upto: Position, ...views: ViewDefinition[]) => ({ mode: "rebuild" as const, replay: { views, upto } });

const namesOf = (views: readonly ViewDefinition[]) => views.map(({ name }) => name).join(", ");

/** A plan in a few lines. */
function textOf({ cause, upto, base, link, compute, prove, trim }: RunPlan): string[] {
  return [
    `${cause} up to ${formatPosition(upto)}${base === null ? "" : ` from version ${base}`}`,
    ...link.map(({ view, isTried }) => `link ${view.name}${isTried ? "" : ", not tried"}`),
    ...compute.map(({ from, views }) => {
      const list = views.map(({ view, kept }) => [view.name, ...kept.map(({ name }) => name)].join(" + "));
      return `fold from ${formatPosition(from)}: ${list.join(", ")}`;
    }),
    prove.by === null
      ? `no proof: ${prove.why}`
      : `${prove.failing} against version ${prove.by.manifest.number}: ${namesOf(prove.views)}`,
    trim ? `trim below ${formatPosition(trim.upto)}, before ${trim.before}` : "trim nothing",
  ];
}

const start = "a@0:0,1:0;b@0:0,1:0";
const old = "a@0:10,1:10;b@0:5,1:0";
const now = "a@0:12,1:10;b@0:5,1:0";
const beyond = "a@0:20,1:10;b@0:5,1:0";
const all = `fold from ${start}: ofA, ofB, ofBoth`;
const heal = "heal against version 3: ofA, ofB, ofBoth";
const trim = `trim below ${now}, before 1000`;

const rows: readonly [string, Partial<Situation>, readonly string[]][] = [
  ["an ordinary night: all recomputed, proved by the delta", {}, [`batch up to ${now}`, all, heal, trim]],
  [
    "the writer is a little behind, and runs: its position is the cut",
    { end: at(20, 10, 5) },
    [`batch up to ${now}`, all, heal, trim],
  ],
  [
    "the writer is a little behind, and does not run",
    { end: at(20, 10, 5), silent: true },
    [
      `batch up to ${beyond}`,
      all,
      "no proof: the delta of version 3 is 8 records behind the log's end, and speed does not run",
      `trim below ${beyond}, before 1000`,
    ],
  ],
  [
    "a writer that is silent at the log's end has counted all the same",
    { silent: true },
    [`batch up to ${now}`, all, heal, trim],
  ],
  [
    "the writer is far behind",
    { end: at(500_013, 10, 5) },
    [
      "batch up to a@0:500013,1:10;b@0:5,1:0",
      all,
      "no proof: the delta of version 3 is 500001 records behind the log's end",
      "trim below a@0:500013,1:10;b@0:5,1:0, before 1000",
    ],
  ],
  [
    "speed has never run",
    { served: served(at(10, 10, 5), []) },
    [`batch up to ${now}`, all, "no proof: version 3 has no delta: speed has not run", trim],
  ],
  [
    "there is no delta, and no event since: the version itself is the proof",
    { served: served(at(10, 10, 5), []), end: at(10, 10, 5) },
    [`batch up to ${old}`, all, heal, `trim below ${old}, before 1000`],
  ],
  [
    "the delta is damaged",
    { served: null, unreadable: "version 3 or its delta is damaged (x)" },
    [`batch up to ${now}`, all, "no proof: version 3 or its delta is damaged (x)", trim],
  ],
  [
    "another version is lost, whatever is served: up to the log's end",
    { served: null, lost: 4, end: at(20, 10, 5) },
    [`batch up to ${beyond}`, all, "no proof: version 4 can't be read", `trim below ${beyond}, before 1000`],
  ],
  [
    "a stream has come into the project",
    { origin: { ...at(0, 0, 0), c: { 0: 7 } }, end: { ...at(12, 10, 5), c: { 0: 9 } } },
    [
      "batch up to a@0:12,1:10;b@0:5,1:0;c@0:9",
      "fold from a@0:0,1:0;b@0:0,1:0;c@0:7: ofA, ofB, ofBoth",
      "no proof: the streams differ from the version before",
      "trim below a@0:12,1:10;b@0:5,1:0, before 1000",
    ],
  ],
  [
    "a stream can't be read: the log keeps what it has of it",
    { stopped: ["b"] },
    [`batch up to ${now}`, all, heal, "trim below a@0:12,1:10, before 1000"],
  ],
  [
    "incremental: what has events is folded on, what has none is linked",
    { mode: "incremental" },
    [`batch up to ${now} from version 3`, "link ofB", `fold from ${old}: ofA + 3/ofA, ofBoth + 3/ofBoth`, heal, trim],
  ],
  [
    "incremental: what is new, has changed, has failed or is damaged is made from its events",
    {
      mode: "incremental",
      definition: withViews(changed, ofB, ofBoth, view("fresh", ["b"])),
      newest: { ...newest, views: { ...newest.views, ofB: file("3/ofB", { failed: { message: "m", at: null } }) } },
      damaged: new Set(["ofBoth"]),
    },
    [
      `batch up to ${now} from version 3`,
      `fold from ${start}: ofA, ofB, ofBoth, fresh`,
      "heal against version 3: ofA, ofB, ofBoth, fresh",
      trim,
    ],
  ],
  [
    "incremental after the empty version",
    { mode: "incremental", newest: { ...newest, cause: "origin" } },
    [`batch up to ${now} from version 3`, all, heal, trim],
  ],
  [
    "incremental with another stream than the base: there is no interval between them",
    {
      mode: "incremental",
      origin: { ...at(0, 0, 0), c: { 0: 7 } },
      end: { ...at(12, 10, 5), c: { 0: 9 } },
    },
    [
      "batch up to a@0:12,1:10;b@0:5,1:0;c@0:9 from version 3",
      "link ofB",
      "fold from a@0:0,1:0;b@0:0,1:0;c@0:7: ofA, ofBoth",
      "no proof: the streams differ from the version before",
      "trim below a@0:12,1:10;b@0:5,1:0, before 1000",
    ],
  ],
  [
    "changed files: at the same cut, whatever came since",
    { mode: "definition", served: null, definition: withViews(changed, ofB, ofBoth) },
    [
      `definition up to ${old} from version 3`,
      "link ofB",
      "link ofBoth",
      `fold from ${start}: ofA`,
      "no proof: it has the cut of version 3",
      `trim below ${old}, before 1000`,
    ],
  ],
  [
    "changed files: partials that mean the same, other rows made of them",
    { mode: "definition", served: null, definition: withViews({ ...ofA, finalize: "other rows" }, ofB, ofBoth) },
    [
      `definition up to ${old} from version 3`,
      "link ofA, not tried",
      "link ofB",
      "link ofBoth",
      "no proof: it has the cut of version 3",
      `trim below ${old}, before 1000`,
    ],
  ],
  [
    "damaged files: at the same cut",
    { mode: "repair", served: null, damaged: new Set(["ofB"]) },
    [
      `repair up to ${old} from version 3`,
      "link ofA",
      "link ofBoth",
      `fold from ${start}: ofB`,
      "no proof: it has the cut of version 3",
      `trim below ${old}, before 1000`,
    ],
  ],
  [
    "damaged files, and a version is lost: not at the old cut",
    { mode: "repair", served: null, damaged: new Set(["ofB"]), lost: 4 },
    [
      `batch up to ${now} from version 3`,
      `fold from ${old}: ofA + 3/ofA, ofBoth + 3/ofBoth`,
      `fold from ${start}: ofB`,
      "no proof: version 4 can't be read",
      trim,
    ],
  ],
  [
    "rebuild: all replayed, compared with what is served",
    replay(at(12, 10, 5), ofA, ofB, ofBoth),
    [`rebuild up to ${now}`, all, "report against version 3: ofA, ofB, ofBoth", "trim nothing"],
  ],
  [
    "rebuild of one view: the others as they are served, or recomputed where they have failed",
    {
      ...replay(at(0, 0, 0), ofA),
      served: served(at(12, 10, 5), [
        head(at(12, 10, 5), { ofB: { file: null, rows: 0, failed: { message: "m", at: null } } }),
      ]),
    },
    [
      `rebuild up to ${now}`,
      `fold from ${start}: ofA`,
      `fold from ${now}: ofBoth + 3/ofBoth`,
      `fold from ${start}: ofB`,
      "report against version 3: ofA",
      "trim nothing",
    ],
  ],
  [
    "rebuild that has come further than what is served",
    { ...replay(at(14, 10, 5), ofA, ofB), end: at(20, 10, 5) },
    [
      `rebuild up to ${beyond}`,
      `fold from ${start}: ofA, ofB`,
      `fold from ${start}: ofBoth`,
      "no proof: nothing is served at this position",
      "trim nothing",
    ],
  ],
  [
    "rebuild without a delta",
    { ...replay(at(0, 0, 0), ofA, ofB, ofBoth), served: served(at(10, 10, 5), []) },
    [`rebuild up to ${now}`, all, "no proof: nothing is served at this position", "trim nothing"],
  ],
  [
    "rebuild where a version is lost: it may have covered more",
    { ...replay(at(0, 0, 0), ofA, ofB, ofBoth), served: null, lost: 4, end: at(20, 10, 5) },
    [`rebuild up to ${beyond}`, all, "no proof: version 4 can't be read", "trim nothing"],
  ],
];

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

afterEach(() => vi.restoreAllMocks());

describe("the plan of a run", () => {
  it.each(rows)("%s", (_, found, expected) => {
    expect(textOf(planRun({ ...night, ...found }))).toEqual(expected);
  });

  it("says of each view why it is made as it is", () => {
    const views = [changed, ofB, ofBoth, view("fresh", ["b"])];
    const plan = planRun({ ...night, mode: "incremental", definition: withViews(...views) });
    const notes = [...plan.link, ...plan.compute.flatMap((fold) => fold.views)];
    expect(notes.map(({ view, note }) => `${view.name}: ${note}`)).toEqual([
      "ofB: linked from version 3: neither it nor its events have changed",
      "ofBoth: folded in the events since version 3",
      "ofA: recomputed: it has changed",
      "fresh: recomputed: it is new",
    ]);
  });

  it("is a function of what was found: it asks no clock, reads nothing and changes nothing", () => {
    for (const clock of [vi.spyOn(Date, "now"), vi.spyOn(performance, "now"), vi.spyOn(Math, "random")])
      clock.mockImplementation(() => {
        throw new Error("a plan asked for it");
      });
    for (const [, found] of rows) {
      const situation = frozen({ ...night, ...found });
      const plan = planRun(situation);
      expect(plan).not.toBeInstanceOf(Promise);
      expect(planRun(situation)).toEqual(plan);
    }
  });
});
