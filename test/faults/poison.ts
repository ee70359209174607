/** Records that are no events: as many dead letters as there were, no stall, and each replayed exactly once. */
import { replayDeadLetters } from "../../ingest/dead-letters.ts";
import { LetterList, type ListedLetter } from "../../shared/history/letter-list.ts";
import { sumCounts } from "../../shared/store/counts.ts";
import { logStream } from "../../shared/store/origin.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Fault, randomOf } from "./fault.ts";

const good = {
  k: "a",
  i: 1,
  d: "1.50",
  t: "2026-01-01 00:00:00",
  b: true,
  l: [1, 2],
  u: "00000000-0000-0000-0000-000000000001",
};
const altered = (change: Record<string, unknown>) => JSON.stringify({ ...good, ...change });

/** Each is wrong in one way. */
const kinds: Readonly<Record<string, () => Buffer | null>> = {
  tombstone: () => null,
  empty: () => Buffer.alloc(0),
  "not JSON": () => Buffer.from("hello"),
  "cut off": () => Buffer.from(altered({}).slice(0, 30)),
  "an array": () => Buffer.from("[1]"),
  "a number": () => Buffer.from("7"),
  "invalid UTF-8": () => Buffer.concat([Buffer.from('{"k":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  "a line break in a text": () => Buffer.from('{"k":"a\nb"}'),
  "two objects": () => Buffer.from(`${altered({})}${altered({})}`),
  "NUL bytes": () => Buffer.alloc(64),
  "a missing field": () => Buffer.from(altered({ k: undefined })),
  "a null where none may be": () => Buffer.from(altered({ i: null })),
  "a number as text": () => Buffer.from(altered({ i: "12" })),
  "a fraction for an integer": () => Buffer.from(altered({ i: 1.5 })),
  "beyond the range": () => Buffer.from(altered({ i: 2 ** 40 })),
  "too many decimals": () => Buffer.from(altered({ d: "1.505" })),
  "no such day": () => Buffer.from(altered({ t: "2026-02-30 00:00:00" })),
  "a word for a boolean": () => Buffer.from(altered({ b: "yes" })),
  "a text in a list": () => Buffer.from(altered({ l: [1, "x"] })),
  "no UUID": () => Buffer.from(altered({ u: "1234" })),
  "a trailing comma": () => Buffer.from('{"k":"a",}'),
  NaN: () => Buffer.from('{"k":"a","i":NaN}'),
  "an unterminated text": () => Buffer.from('{"k":"a'),
  "a megabyte of brackets": () => Buffer.from("[".repeat(1 << 10)),
};

export const poison: Fault = {
  name: "poison",
  promise: "an invalid record becomes one dead letter, stops nothing, and is replayed once",
  how: `${Object.keys(kinds).length} kinds of bad records among good ones, through speed, batch and replay`,
  full: 10_000,
  short: 250,
  run: async ({ n, seed, say }) => {
    const random = randomOf(seed);
    const int = (below: number) => Math.floor(random() * below);
    const events = {
      ...stream("events", {
        k: "VARCHAR",
        i: "INTEGER",
        d: "DECIMAL(9,2)",
        t: "TIMESTAMP",
        b: "BOOLEAN",
        l: "INTEGER[]",
        u: "UUID",
      }),
      partitions: 3,
    };
    const failures: string[] = [];
    const check = (what: string, found: unknown, expected: unknown) => {
      if (JSON.stringify(found) !== JSON.stringify(expected))
        failures.push(`SEED=${seed} N=${n}: ${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
    };
    const world = await World.open({
      stream: events,
      views: { total: "SELECT k, count(*) AS n, sum(i) AS s FROM events GROUP BY k" },
    });
    try {
      let version = await world.firstVersion();
      let writer = await world.writer(version, 0);
      const names = Object.keys(kinds);
      let [bad, well] = [0, 0];
      while (bad < n) {
        const batch = Array.from({ length: 200 }, () => {
          const partition = int(3);
          if (random() < 0.5) {
            well++;
            return { partition, key: null, value: Buffer.from(altered({ i: 1, k: `k${int(4)}` })) };
          }
          return { partition, key: null, value: kinds[names[bad++ % names.length]!]!() };
        });
        await world.log.append(logStream(events), batch);
        if (random() < 0.5) await writer.step();
        if (random() < 0.1) {
          await writer.close();
          version = await world.runBatch();
          writer = await world.writer(version, 0);
        }
        if (bad % 1000 < 100) say(`${bad} bad records`);
      }
      for (let idle = 0; idle < 2; ) idle = (await writer.step()) === 0 ? idle + 1 : 0;
      const counted = async () => {
        const { manifest, heads } = (await bestSnapshot(world.store))!;
        const { events: count, dead } = sumCounts([manifest, ...heads.flatMap((head) => head.entries)]);
        return { count, dead };
      };
      check("speed and batch", await counted(), { count: well, dead: bad });
      await writer.close();
      version = await world.runBatch();
      check(
        "batch alone",
        { count: version.events, dead: version.dead, proof: version.proof.state },
        { count: well, dead: bad, proof: "proved" },
      );

      const letters = { store: world.store, log: world.log, session: await world.session(), manifest: version };
      await using list = await LetterList.open(letters, [events]);
      const listed: ListedLetter[] = [];
      for await (const letter of list.letters()) listed.push(letter);
      const reasons = (await list.reasons()).length;
      check("letters listed", listed.length, bad);
      const corrections = listed.map(({ stream: name, partition, offset }) => ({
        stream: name,
        partition,
        offset,
        value: altered({ k: "late" }),
      }));
      const half = corrections.slice(0, corrections.length >> 1);
      check("replayed", await replayDeadLetters(letters, [events], half), { replayed: half.length, already: 0 });
      // two at the same time, and again
      const both = await Promise.all(
        [0, 1].map(async () =>
          replayDeadLetters({ ...letters, session: await world.session() }, [events], corrections),
        ),
      );
      check(
        "replayed by two",
        both.every(({ replayed, already }) => replayed + already === bad),
        true,
      );
      check("replayed again", await replayDeadLetters(letters, [events], corrections), { replayed: 0, already: bad });
      writer = await world.writer(version, 0);
      for (let idle = 0; idle < 2; ) idle = (await writer.step()) === 0 ? idle + 1 : 0;
      await writer.close();
      check("after the replay", await counted(), { count: well + bad, dead: bad });
      const final = await world.runBatch();
      check(
        "after the replay, batch",
        { count: final.events, proof: final.proof.state },
        { count: well + bad, proof: "proved" },
      );
      return {
        n: bad,
        failures,
        facts: { kinds: names.length, good: well, deadLetters: bad, reasons },
      };
    } finally {
      await world.close();
    }
  },
};
