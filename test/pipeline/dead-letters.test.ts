/** Dead letters are listed, counted and replayed however many there are: by SQL, a few at a time. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { replayDeadLetters } from "../../ingest/dead-letters.ts";
import type { Changelog } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { type Letter, LetterTable } from "../../shared/history/dead-letters.ts";
import { type DeadLetters, LetterList } from "../../shared/history/letter-list.ts";
import { logStream } from "../../shared/store/origin.ts";
import { stream } from "../support/view-case.ts";
import { ofCustomers } from "./customers.ts";
import { catchUp, World } from "./world.ts";

let duck: Duck;
let session: Session;
beforeAll(async () => {
  duck = await Duck.open({ threads: 2 });
  session = await duck.session();
});
afterAll(() => {
  session.close();
  duck.close();
});

/** More than a call takes arguments. */
const many = 150_000;

function* letters(): Generator<Letter> {
  for (let i = 0; i < many; i++) {
    const reason = i % 2 === 0 ? `x: "v${i}" is not a BIGINT` : "it's not JSON";
    const value = i % 5 === 0 ? null : Buffer.from(`"'\\ü${i}`);
    yield { stream: i % 3 === 0 ? "it's" : "b", partition: i % 7, offset: i, reason, value };
  }
}

it("holds more than an array's worth", { timeout: 120_000 }, async () => {
  const table = await LetterTable.create(session);
  await table.add(letters());
  await table.replayed(Array.from({ length: 1000 }, (_, i) => `dl:b/${(3 * i + 1) % 7}/${3 * i + 1}`));
  await using list = new LetterList(session, table);
  expect(await list.count()).toEqual({ letters: many, replayed: 1000 });
  expect(await list.reasons()).toMatchObject([
    { reason: "it's not JSON", letters: many / 2 },
    { reason: "x: … is not a BIGINT", letters: many / 2 },
  ]);
  let [count, before] = [0, ""];
  for await (const letter of list.letters()) {
    const place = `${letter.stream} ${letter.partition} ${String(letter.offset).padStart(8, "0")}`;
    if (place <= before) throw new Error(`${place} after ${before}`);
    before = place;
    if (letter.value !== (letter.offset % 5 === 0 ? null : `"'\\ü${letter.offset}`)) throw new Error(place);
    count++;
  }
  expect(count).toBe(many);
  const first: number[] = [];
  for await (const { offset } of list.letters(3)) first.push(offset);
  expect(first).toHaveLength(3);
  expect(await list.known(["dl:b/1/1", "dl:b/0/1", "dl:it's/6/6"])).toEqual(
    new Map([
      ["dl:b/1/1", true],
      ["dl:it's/6/6", false],
    ]),
  );
});

it("is the same from the log and from the archive, and knows what was replayed", { timeout: 120_000 }, async () => {
  const events = { ...stream("events", { x: "BIGINT" }), partitions: 2 };
  const world = await World.open({ stream: events, views: { total: "SELECT count(*) AS n FROM events" } });
  try {
    const manifest = await world.firstVersion();
    const sent = Array.from({ length: 30 }, (_, i) => {
      return { partition: i % 2, value: i % 3 === 0 ? `{"x":"a${i}"}` : `{"x":${i}}`, valid: i % 3 !== 0 };
    });
    await world.append([...sent, { partition: 1, value: null, valid: false }]);
    const asked: DeadLetters = { store: world.store, log: world.log, session: await world.session(), manifest };
    const all = async () => {
      await using list = await LetterList.open(asked, [events]);
      const found = [];
      for await (const letter of list.letters()) found.push(letter);
      expect(await list.count()).toEqual({
        letters: found.length,
        replayed: found.filter(({ replayed }) => replayed).length,
      });
      return found;
    };
    const fromLog = await all();
    expect(fromLog).toHaveLength(11);
    expect(fromLog.at(-1)).toMatchObject({ partition: 1, value: null });
    const writer = await world.writer(manifest, 0);
    await catchUp(world, writer);
    await writer.close();
    await world.runBatch();
    expect(await all()).toEqual(fromLog);
    const [first, second] = fromLog;
    const corrections = [first!, second!].map(({ stream: name, partition, offset }) => {
      return { stream: name, partition, offset, value: '{"x":1}' };
    });
    expect(await replayDeadLetters(asked, [events], corrections.slice(0, 1))).toEqual({ replayed: 1, already: 0 });
    expect(await replayDeadLetters(asked, [events], corrections)).toEqual({ replayed: 1, already: 1 });
    expect((await all()).filter(({ replayed }) => replayed)).toHaveLength(2);
    await expect(replayDeadLetters(asked, [events], [{ ...corrections[0]!, offset: 999 }])).rejects.toThrow(
      /is not a dead letter/,
    );
  } finally {
    await world.close();
  }
});

it.each([
  [undefined, /send the row as it is now: tidemark load customers, or POST \/v1\/streams\/customers\/events/],
  [{ source: "shop", table: "public.customers" }, /in public\.customers, or .*tidemark sources resnapshot customers/],
  [{ topic: "old.customers", format: "upsert", settings: {} }, /correct the row in topic old\.customers/],
] as const)("replays none of a changelog, which has one writer, and says what to do (%o)", async (from, todo) => {
  const world = await World.open(ofCustomers);
  try {
    const manifest = await world.firstVersion();
    await world.append([{ partition: 0, value: '{"op":"u","after":7}', valid: false }]);
    const changelog = { ...world.stream.changelog!, ...(from ? { from: from as NonNullable<Changelog["from"]> } : {}) };
    const streams = [{ ...world.stream, changelog }];
    const asked: DeadLetters = { store: world.store, log: world.log, session: await world.session(), manifest };
    await using list = await LetterList.open(asked, streams);
    expect(await list.count()).toEqual({ letters: 1, replayed: 0 });
    const value = '{"op":"u","before":null,"after":{"id":1},"source":""}';
    const corrected = { stream: "customers", partition: 0, offset: 0, value };
    await expect(replayDeadLetters(asked, streams, [corrected])).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(/offset 0 is of a changelog, which tidemark sources alone writes/),
      todo: expect.stringMatching(todo),
    });
    expect(await world.log.end(logStream(world.stream))).toEqual([1, 0]);
  } finally {
    await world.close();
  }
});
