/** What a project may have much of, one at a time; what is asked of it, and what the answers must sum up to. */

export interface Question {
  readonly path: string;
  /** Which share of all events its rows count: all, or those of one group. */
  readonly share: number;
  /** How many rows there are. */
  readonly rows: number;
  /** What each event adds to a column, over all rows. */
  readonly sums: Readonly<Record<string, number>>;
}

export interface Size {
  /** "500 views" */
  readonly of: string;
  readonly full: number;
  fields(count: number): Readonly<Record<string, string>>;
  readonly partitions?: (count: number) => number;
  views(count: number): Readonly<Record<string, string>>;
  /** JSON of an event. */
  event(i: number, count: number): string;
  /** How many events come before each version; each round of them gives every group alike. */
  events(count: number): number;
  /**
   * How many versions are made while questions are asked, without waiting for one before the next is made; left
   * out: a few, one by one.
   */
  readonly inARow?: (count: number) => number;
  /** Questions that are asked all the time, by turns. */
  asked(i: number, count: number): Question;
  /** Questions that see everything, for when it is still. */
  all(count: number): readonly Question[];
}

/** Of `g` and `x`: the other sizes are as small in everything else. */
const groups = 10;
const small = {
  fields: () => ({ g: "BIGINT", x: "BIGINT" }),
  event: (i: number) => `{"g":${i % groups},"x":3}`,
  events: () => 1000,
};
const smallView = "SELECT g, count(*) AS n, sum(x) AS s FROM events GROUP BY g";
const whole = { path: "groups", share: 1, rows: groups, sums: { n: 1, s: 3 } };
const oneGroup = { path: "groups?g=eq.7", share: 1 / groups, rows: 1, sums: { n: 1, s: 3 } };

/** Every view sums up something else, so that one is not taken for another. */
const ofView = (i: number): Question => ({ path: `v${i}`, share: 1, rows: groups, sums: { n: 1, s: 3 + i } });
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

export const sizes: readonly Size[] = [
  {
    ...small,
    of: "views",
    full: 500,
    views: (count) =>
      Object.fromEntries(
        range(count).map((i) => [`v${i}`, `SELECT g, count(*) AS n, sum(x + ${i}) AS s FROM events GROUP BY g`]),
      ),
    asked: (i, count) => {
      const view = ofView((i >> 1) % count);
      return i % 2 ? view : { ...view, path: `${view.path}?g=eq.7`, share: 1 / groups, rows: 1 };
    },
    all: (count) => range(count).map(ofView),
  },
  {
    ...small,
    of: "columns",
    full: 300,
    fields: (count) => ({ g: "BIGINT", ...Object.fromEntries(range(count).map((i) => [`x${i}`, "BIGINT"])) }),
    event: (i, count) =>
      JSON.stringify({ g: i % groups, ...Object.fromEntries(range(count).map((c) => [`x${c}`, c])) }),
    views: (count) => ({
      wide: `SELECT g, count(*) AS n, ${range(count).map((i) => `sum(x${i}) AS s${i}`)} FROM events GROUP BY g`,
    }),
    asked: (i, count) => (i % 2 ? wide(count) : { ...wide(count), path: "wide?g=eq.7", share: 1 / groups, rows: 1 }),
    all: (count) => [wide(count)],
  },
  {
    ...small,
    of: "groups",
    full: 1_000_000,
    fields: () => ({ k: "BIGINT", g: "BIGINT", x: "BIGINT" }),
    event: (i, count) => `{"k":${i % count},"g":${i % groups},"x":3}`,
    events: (count) => count,
    views: () => ({ groups: "SELECT k, g, count(*) AS n, sum(x) AS s FROM events GROUP BY k, g" }),
    asked: (i, count) =>
      i % 2
        ? { ...whole, path: "groups?by=g" }
        : { ...whole, path: "groups?k=eq.77&g=eq.7", share: 1 / count, rows: 1 },
    all: (count) => [{ ...whole, rows: count }],
  },
  {
    ...small,
    of: "partitions",
    full: 1000,
    partitions: (count) => count,
    // some for each
    events: (count) => 10 * count,
    views: () => ({ groups: smallView }),
    asked: (i) => (i % 2 ? whole : oneGroup),
    all: () => [whole],
  },
  {
    ...small,
    of: "versions",
    full: 100,
    views: () => ({ groups: smallView }),
    inARow: (count) => count,
    asked: (i) => (i % 2 ? whole : oneGroup),
    all: () => [whole],
  },
];

function wide(count: number): Question {
  return {
    path: "wide",
    share: 1,
    rows: groups,
    sums: { n: 1, ...Object.fromEntries(range(count).map((i) => [`s${i}`, i])) },
  };
}
