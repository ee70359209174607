/** Positions form a lattice under covers; shards part them and join them back; ranges tile what lies between. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TidemarkError } from "../../shared/errors.ts";
import {
  covers,
  equals,
  follows,
  formatPosition,
  furthest,
  nearest,
  offsetAt,
  ofShard,
  ofStreams,
  type Position,
  parsePosition,
  places,
  positionOf,
  rangesBetween,
  strangeStreams,
  withAdded,
} from "../../shared/position.ts";

const offset = fc.oneof(fc.nat(5), fc.maxSafeNat());
const streamName = fc.constantFrom(
  "flights",
  "Other-2",
  "a_b",
  "constructor",
  "__proto__",
  "toString",
  "hasOwnProperty",
);
const position: fc.Arbitrary<Position> = fc
  .uniqueArray(fc.record({ stream: streamName, partition: fc.oneof(fc.nat(12), fc.nat(2000)), offset }), {
    maxLength: 8,
    selector: ({ stream, partition }) => `${partition}@${stream}`,
  })
  .map((all) => positionOf(all));
/** Positions that speak of the same partitions. */
const twins = (count: number) =>
  position.chain((first) =>
    fc.tuple(
      ...Array.from({ length: count }, () =>
        fc
          .array(offset, { minLength: places(first).length, maxLength: places(first).length })
          .map((offsets) => positionOf(places(first).map((place, i) => ({ ...place, offset: offsets[i]! })))),
      ),
    ),
  );

function law<T extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
): void {
  test(name, () => {
    fc.assert(
      fc.property(...arbitraries, (...values) => {
        check(...values);
      }),
      { numRuns: 400 },
    );
  });
}

/** A partition that was added later begins at 0: before, a position does not speak of it. */
const withoutZeros = (a: Position) => formatPosition(positionOf(places(a).filter(({ offset }) => offset > 0)));

describe("covers is a partial order", () => {
  law("reflexive", [position], (a) => expect(covers(a, a)).toBe(true));
  law("antisymmetric: each covers the other only where they are equal", [position, position], (a, b) => {
    const same = withoutZeros(a) === withoutZeros(b) && Object.keys(a).sort().join() === Object.keys(b).sort().join();
    expect(covers(a, b) && covers(b, a)).toBe(same);
    expect(equals(a, b)).toBe(same);
  });
  law("transitive", [position, position, position], (a, b, c) => {
    const [low, middle, high] = [
      nearest(nearest(a, b), c),
      furthest(nearest(nearest(a, b), c), b),
      furthest(furthest(a, b), c),
    ];
    expect(covers(high, middle) && covers(middle, low)).toBe(true);
    expect(covers(high, low)).toBe(true);
    if (covers(a, b) && covers(b, c)) expect(covers(a, c)).toBe(true);
  });
  law("what follows covers it in the streams that both have, and nothing else counts", [position, position], (a, b) => {
    expect(follows(a, b)).toBe(covers(a, ofStreams(b, Object.keys(a))));
    if (covers(a, b)) expect(follows(a, b)).toBe(true);
  });
  law("everything covers nothing at all, which covers only itself", [position], (a) => {
    expect(covers(a, {})).toBe(true);
    expect(covers({}, a)).toBe(places(a).length === 0);
  });
});

describe("furthest and nearest", () => {
  law("furthest is the least position that covers both", [position, position, position], (a, b, c) => {
    const both = furthest(a, b);
    expect(covers(both, a) && covers(both, b)).toBe(true);
    if (covers(c, a) && covers(c, b)) expect(covers(c, both)).toBe(true);
    expect(covers(furthest(both, c), both)).toBe(true);
  });
  law("of the same partitions, nearest is the greatest position that both cover", [twins(3)], ([a, b, c]) => {
    const below = nearest(a!, b!);
    expect(covers(a!, below) && covers(b!, below)).toBe(true);
    if (covers(a!, c!) && covers(b!, c!)) expect(covers(below, c!)).toBe(true);
  });
  for (const [name, join] of [
    ["furthest", furthest],
    ["nearest", nearest],
  ] as const) {
    law(`${name}: commutative, associative, idempotent`, [position, position, position], (a, b, c) => {
      expect(equals(join(a, b), join(b, a))).toBe(true);
      expect(equals(join(join(a, b), c), join(a, join(b, c)))).toBe(true);
      expect(equals(join(a, a), a)).toBe(true);
    });
  }
  law("absorb each other over the same partitions", [twins(2)], ([a, b]) => {
    expect(equals(furthest(a!, nearest(a!, b!)), a!)).toBe(true);
    expect(equals(nearest(a!, furthest(a!, b!)), a!)).toBe(true);
  });
});

describe("shards", () => {
  law("part a position and join back to it", [position, fc.integer({ min: 1, max: 5 })], (a, shards) => {
    const parts = Array.from({ length: shards }, (_, shard) => ofShard(a, shard, shards));
    expect(parts.reduce((sum, part) => sum + places(part).length, 0)).toBe(places(a).length);
    for (const [shard, part] of parts.entries()) {
      expect(places(part).every(({ partition }) => partition % shards === shard)).toBe(true);
    }
    expect(equals(parts.reduce(furthest, {}), a)).toBe(true);
  });
});

describe("ranges", () => {
  law("tile what lies between, none of them empty", [twins(3)], (three) => {
    const [low, high] = [three.reduce(nearest), three.reduce(furthest)];
    const middle = furthest(low, nearest(three[1]!, high));
    const ranges = [...rangesBetween(low, middle), ...rangesBetween(middle, high)];
    expect(ranges.every(({ from, upto }) => from < upto)).toBe(true);
    for (const { stream, partition, offset: start } of places(low)) {
      let at = start;
      for (const range of ranges.filter((each) => each.stream === stream && each.partition === partition)) {
        expect(range.from).toBe(at);
        at = range.upto;
      }
      expect(at).toBe(offsetAt(high, stream, partition));
    }
    expect(rangesBetween(low, low)).toEqual([]);
  });
  law("never go back; a partition that was added begins at 0", [position, position], (a, b) => {
    if (covers(b, a))
      expect(rangesBetween(a, b)).toHaveLength(
        places(b).filter((place) => (offsetAt(a, place.stream, place.partition) ?? 0) !== place.offset).length,
      );
    else expect(() => rangesBetween(a, b)).toThrow(`no interval from ${formatPosition(a)} to ${formatPosition(b)}`);
  });
});

describe("the public text", () => {
  law("comes back as it was", [position], (a) => {
    expect(equals(parsePosition(formatPosition(a), a), a)).toBe(true);
    expect(formatPosition(parsePosition(formatPosition(a), a))).toBe(formatPosition(a));
  });
  law("may speak of partitions that were added since", [twins(2), fc.nat(3)], ([origin, a], keep) => {
    const first = positionOf(places(origin!).filter(({ partition }) => partition % 4 !== keep));
    const known = ofStreams(a!, Object.keys(first));
    expect(equals(parsePosition(formatPosition(known), withAdded(first, known)), known)).toBe(true);
  });
  law("a partition left out is at its origin", [twins(2), fc.nat(3)], ([origin, a], keep) => {
    const some = positionOf(places(a!).filter((_, i) => i % 4 === keep));
    const read = parsePosition(formatPosition(some), origin!);
    for (const { stream, partition, offset: first } of places(origin!)) {
      expect(offsetAt(read, stream, partition)).toBe(offsetAt(some, stream, partition) ?? first);
    }
    expect(equals(parsePosition("", origin!), origin!)).toBe(true);
  });
  test("is ordered by stream and by number of partition", () => {
    const written = { b: { 10: 1, 2: 3 }, a: { 0: 7 } };
    expect(formatPosition(written)).toBe("a@0:7;b@2:3,10:1");
    expect(formatPosition({})).toBe("");
  });

  const origin = { flights: { 0: 5, 1: 6 }, "a@b": { 0: 0 } };
  test.each([
    ["flights", '"flights" names no stream'],
    ["@0:1", '"@0:1" names no stream'],
    ["flights@", '"" is not partition:offset'],
    ["flights@0", '"0" is not partition:offset'],
    ["flights@0:1,", '"" is not partition:offset'],
    ["flights@0:-1", '"0:-1" is not partition:offset'],
    ["flights@0:1.5", '"0:1.5" is not partition:offset'],
    ["flights@0: 1", '"0: 1" is not partition:offset'],
    ["flights@0:1;1:2", '"1:2" names no stream'],
    ["flights@0:0x1", '"0:0x1" is not partition:offset'],
    ["flights@2:1", 'there is no partition 2 of "flights"'],
    ["nosuch@0", '"0" is not partition:offset'],
    ["flights@0:9007199254740992", "offset 9007199254740992 is out of range"],
    ["flights@0:99999999999999999999", "offset 99999999999999999999 is out of range"],
  ])("%s is refused", (text, why) => {
    const thrown = (() => {
      try {
        return parsePosition(text, origin);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(TidemarkError);
    expect((thrown as TidemarkError).line).toBe(
      `position "${text}": ${why}; write it as "stream@partition:next,…;stream@…" [USAGE]`,
    );
    expect((thrown as TidemarkError).exitCode).toBe(2);
  });
  test.each(["nosuch", "constructor", "__proto__"])("a stream that is gone is passed over: %s", (gone) => {
    expect(parsePosition(`${gone}@0:1,7:9;flights@1:9`, origin)).toEqual(parsePosition("flights@1:9", origin));
    expect(parsePosition(`${gone}@0:1`, origin)).toEqual(origin);
    expect(strangeStreams(`flights@1:9;${gone}@0:1`, origin)).toEqual([gone]);
  });
  test("a stream's name may hold an @, and a long text is cut", () => {
    expect(offsetAt(parsePosition("a@b@0:3;flights@1:9", origin), "a@b", 0)).toBe(3);
    expect(() => parsePosition("x".repeat(5000), origin)).toThrow(
      /^position "x{200}": "x{5000}" names|^position "x{200}": /,
    );
  });
});

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("%d is no offset", (bad) => {
  expect(() => positionOf([{ stream: "s", partition: 0, offset: bad }])).toThrow(`not an offset: ${bad}`);
});
