/**
 * A stream's events, each once and with the same JSON, wherever the archive ends, the log begins and a reader comes
 * back.
 */
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { repair } from "../../batch/repair.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { MemoryLog } from "../../shared/log/memory.ts";
import { formatPosition, parsePosition } from "../../shared/position.ts";
import { logStream } from "../../shared/store/origin.ts";
import { numberedEvents, type Sent, World, type WorldOptions } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const events: StreamDefinition = { ...stream("events", { g: "VARCHAR?", x: "BIGINT" }), partitions: 2 };
const views = { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" };
let world: World;
let api: Api;
let url: string;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api.close();
  await world.close();
});

async function open(options: Partial<WorldOptions> = {}, beatMs = 15_000): Promise<void> {
  world = await World.open({ stream: events, views, ...options });
  await world.firstVersion();
  api = await openApi(world, { beatMs });
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
}

interface Line {
  readonly partition: number;
  readonly offset: number;
  readonly time: string;
  readonly event: Record<string, unknown>;
  readonly position: string;
}

async function get(query: string, headers: Record<string, string> = {}) {
  return api.app.inject({ method: "GET", url: `/v1/streams/events/events${query}`, headers });
}

async function lines(query = ""): Promise<Line[]> {
  const { statusCode, body } = await get(query);
  if (statusCode !== 200) throw new Error(`${statusCode} ${body}`);
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** What an event is, without where its reader was. */
const plain = ({ partition, offset, time, event }: Line) => JSON.stringify({ partition, offset, time, event });
const byPlace = (found: readonly Line[]) =>
  [...found].sort((a, b) => a.partition - b.partition || a.offset - b.offset).map(plain);

/** Each partition's offsets ascend. */
function expectInOrder(found: readonly Line[]): void {
  const last = new Map<number, number>();
  for (const { partition, offset } of found) {
    expect(offset).toBeGreaterThan(last.get(partition) ?? -1);
    last.set(partition, offset);
  }
}

/** From here on nothing that was read from the log is kept: what is archived is read from there. */
const forget = () => api.runs.close();

async function trimToArchive(): Promise<void> {
  const ends = await world.log.end(logStream(world.stream));
  await world.log.trim(logStream(world.stream), new Map(ends.map((end, partition) => [partition, end])));
}

/** From each event's position on there are exactly the others. */
async function expectResumed(all: readonly Line[]): Promise<void> {
  for (const [i, { position }] of all.entries()) {
    const rest = await lines(`?from=${encodeURIComponent(position)}`);
    expect(byPlace(rest), position).toEqual(byPlace(all.slice(i + 1)));
  }
}

let sent = 0;
/** Records of all kinds: events, repeated requests, repeated ids, dead letters. */
function records(count: number): Sent[] {
  return Array.from({ length: count }, () => {
    const n = sent++;
    const value = JSON.stringify({ e: `e${n % 7 === 3 ? n - 2 : n}`, g: n % 5 === 0 ? null : `g${n % 3}`, x: n });
    const request = { request: "r", sequence: n % 11 === 10 ? n - 2 : n };
    if (n % 6 === 4) return { partition: n % 2, value: n % 12 === 4 ? "{" : null, valid: false };
    return { partition: n % 2, value, valid: true, ...(n % 4 === 0 ? {} : { id: request }) };
  });
}

const withDedup = { ...stream("events", { e: "VARCHAR", g: "VARCHAR?", x: "BIGINT" }), id: "e", dedupMs: 60_000 };

describe.each([
  ["a plain stream", { ...stream("events", { e: "VARCHAR?", g: "VARCHAR?", x: "BIGINT" }), partitions: 2 }],
  ["a stream with a duplicate window", { ...withDedup, partitions: 2 }],
])("%s", (_name, own) => {
  it("has the same events at every seam, whatever the log has forgotten", { timeout: 120_000 }, async () => {
    sent = 0;
    await open({ stream: own });
    let known: string[] = [];
    for (let step = 0; step < 11; step++) {
      // appended together, so that archive and readers begin within a batch
      await world.append(records(1 + (step % 3)));
      world.now += 1000;
      const found = await lines();
      expectInOrder(found);
      const now = byPlace(found);
      // what came from the log before comes from the archive now, with the same text
      for (const each of known) expect(now).toContain(each);
      expect(now).toHaveLength(await world.eventsBelow(world.end));
      known = now;
      if (step === 5) await expectResumed(found);
      await runArchive(world.batch);
      if (step % 5 === 4) await trimToArchive();
      await forget();
      expect(byPlace(await lines())).toEqual(known);
    }
    const all = await lines();
    expect(all.length).toBeGreaterThan(12);
    await expectResumed(all);
    // two halves make the whole, at any place
    for (const { position } of all) {
      const first = await lines(`?upto=${position}`);
      const second = await lines(`?from=${position}`);
      expect(byPlace([...first, ...second])).toEqual(byPlace(all));
    }
  });
});

it("reads a changelog's records", async () => {
  const row = "STRUCT(id BIGINT, city VARCHAR)";
  await open({
    stream: {
      ...stream("events", { op: "VARCHAR", before: `${row}?`, after: `${row}?`, source: "VARCHAR?" }),
      partitions: 1,
      changelog: { key: ["id"], row: stream("", { id: "BIGINT", city: "VARCHAR?" }).fields },
    },
    views: { cities: "SELECT city, count(*) AS n FROM events GROUP BY city" },
  });
  const [bern, rome] = [
    { id: 1, city: "Bern" },
    { id: 1, city: null },
  ];
  const sentRecords = [
    { op: "r", before: null, after: bern, source: "shop" },
    { op: "u", before: bern, after: rome, source: "shop" },
    { op: "d", before: rome, after: null, source: null },
  ];
  for (const each of sentRecords) await world.append([{ partition: 0, value: JSON.stringify(each), valid: true }]);
  const fromLog = await lines();
  expect(fromLog.map(({ event }) => event)).toEqual(sentRecords);
  await runArchive(world.batch);
  await trimToArchive();
  await forget();
  expect((await lines()).map(plain)).toEqual(fromLog.map(plain));
});

describe("a request", () => {
  it("says what is wrong with a position", async () => {
    await open();
    await numberedEvents(() => world)(6);
    const refused = async (query: string, headers: Record<string, string> = {}) => {
      const response = await get(query, headers);
      return `${response.statusCode} ${response.json<{ detail: string }>().detail}`;
    };
    expect(await refused("?from=events@0:4")).toMatch(
      /^400 stream "events" partition 0 ends at offset 3, .* beyond it: 4/,
    );
    expect(await refused("?from=other@0:1")).toMatch(/^400 the position "other@0:1" says nothing of stream "events"/);
    expect(await refused("?from=events@7:1")).toMatch(/^400 .*no partition 7 of "events"/);
    expect(await refused("?from=nonsense")).toMatch(/^400 .*says nothing of stream/);
    expect(await refused("?upto=events@x")).toMatch(/^400 .*"x" is not partition:offset/);
    expect(await refused(`?from=~${"a".repeat(22)}`)).toMatch(/^410 /);
    expect(await refused("", { "last-event-id": "events@0:99" })).toMatch(/^400 .*beyond it: 99/);
    expect(await refused("?limit=0")).toMatch(/^400 /);
    expect(await refused("?form=earliest")).toMatch(/^400 .*must not have "form"/);
    expect(await refused("", { accept: "text/csv" })).toMatch(/^406 events come as/);
    const unknown = await api.app.inject("/v1/streams/none/events");
    expect([unknown.statusCode, unknown.json()]).toMatchObject([404, { detail: 'there is no stream "none"' }]);
    // of several streams, its own part counts
    expect(await lines("?from=events@0:3,1:2;other@0:5")).toHaveLength(1);
    const put = await api.app.inject({ method: "PUT", url: "/v1/streams/events/events" });
    expect([put.statusCode, put.headers.allow]).toEqual([405, "POST, GET, HEAD"]);
    const head = await api.app.inject({ method: "HEAD", url: "/v1/streams/events/events" });
    expect([head.statusCode, head.body]).toEqual([200, ""]);
  });

  it("ends where it is to end", async () => {
    await open();
    await numberedEvents(() => world)(10);
    const whole = await get("");
    expect(whole.headers["tidemark-position"]).toBe("events@0:5,1:5");
    expect(whole.headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
    const first = await lines("?limit=3");
    expect(first).toHaveLength(3);
    const rest = await lines(`?from=${first[2]!.position}&upto=latest`);
    expect(byPlace([...first, ...rest])).toEqual(byPlace(await lines()));
    expect(await lines("?from=latest")).toEqual([]);
    // partitions that a position leaves out are at their beginning
    expect((await lines("?upto=events@1:2")).map(({ event }) => event.x)).toEqual([1, 3]);
    // what is not there yet is waited for
    const later = lines("?from=latest&upto=events@0:6,1:5");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await numberedEvents(() => world)(2);
    expect((await later).map(({ partition, offset }) => [partition, offset])).toEqual([[0, 5]]);
  });

  it("gets the reason where neither archive nor log has events, and passes them once that is accepted", async () => {
    await open();
    await numberedEvents(() => world)(10);
    await world.log.trim(logStream(events), new Map([[0, 3]]));
    const response = await get("");
    expect(response.statusCode).toBe(410);
    expect(response.json()).toMatchObject({
      code: "POSITION_GONE",
      detail: expect.stringMatching(
        /partition 0, from offset 0: the log begins at 3, and the archive .*tidemark repair$/,
      ),
    });
    expect(await lines("?upto=events@1:5")).toHaveLength(5);
    await repair(world.batch, true);
    const found = (await lines()) as (Line & { readonly lost?: object })[];
    expect(found.filter(({ lost }) => lost)).toEqual([
      { partition: 0, lost: { from: 0, upto: 3 }, position: expect.stringMatching(/^events@0:3,1:/) },
    ]);
    expect(found.filter(({ lost }) => !lost)).toHaveLength(7);
    const source = new Source("?from=earliest&upto=latest");
    await until(() => source.ended);
    expect(source.kinds.toSorted()).toEqual(["end", "lost", ...Array.from({ length: 7 }, () => "message")]);
  });

  it("has short positions where there are many partitions, and resumes at any of them", async () => {
    const many = { ...events, partitions: 300 };
    await open({ stream: many });
    const value = (x: number) => JSON.stringify({ g: "g", x });
    await world.append(Array.from({ length: 600 }, (_, i) => ({ partition: i % 300, value: value(i), valid: true })));
    const all = await lines();
    expect(all).toHaveLength(600);
    for (const { position } of all) expect(position.length).toBeLessThan(1100);
    for (const i of [0, 150, 299, 300, 598]) {
      const rest = await lines(`?from=${encodeURIComponent(all[i]!.position)}`);
      expect(byPlace(rest), all[i]!.position).toEqual(byPlace(all.slice(i + 1)));
    }
  });
});

/** A client of server-sent events, as a browser is one. */
class Source {
  readonly found: Line[] = [];
  readonly kinds: string[] = [];
  lastId = "";
  ended = false;
  status = 0;
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor(query: string, lastEventId = "") {
    this.done = this.#run(query, lastEventId).catch(() => {
      this.ended = true;
    });
  }

  close(): void {
    this.#stop.abort();
  }

  async #run(query: string, lastEventId: string): Promise<void> {
    const headers = { accept: "text/event-stream", ...(lastEventId === "" ? {} : { "last-event-id": lastEventId }) };
    const response = await fetch(`${url}/v1/streams/events/events${query}`, { headers, signal: this.#stop.signal });
    this.status = response.status;
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#take(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
    this.ended = true;
  }

  #take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
    if (field("id") !== "") this.lastId = field("id");
    if (field("data") === "") return;
    this.kinds.push(field("event") || "message");
    if (field("event") === "") this.found.push({ ...(JSON.parse(field("data")) as Line), position: field("id") });
  }
}

describe("server-sent events", () => {
  it("follow the stream from now on, and resume where they began when nothing has come yet", async () => {
    await open();
    const append = numberedEvents(() => world);
    await append(4);
    const source = new Source("");
    await until(() => source.lastId !== "");
    expect(source.lastId).toBe("events@0:2,1:2");
    await append(3);
    await until(() => source.found.length === 3);
    source.close();
    await append(1);
    const again = new Source("?from=earliest", "events@0:2,1:2");
    await until(() => again.found.length === 4);
    expectInOrder(again.found);
    expect(again.found.map(({ event }) => event.x).sort()).toEqual([4, 5, 6, 7]);
    again.close();
    // one decoding for all who read at the log's end
    const both = [new Source(""), new Source("?from=events@0:1,1:4")];
    await until(() => both[1]!.found.length === 3);
    await append(2);
    await until(() => both[0]!.found.length === 2 && both[1]!.found.length === 5);
    for (const each of both) each.close();
  });

  it("come once and in order to all, while the log is archived and forgotten under them", {
    timeout: 60_000,
  }, async () => {
    await open();
    const append = numberedEvents(() => world);
    const sources: Source[] = [new Source("?from=earliest")];
    for (let step = 0; step < 12; step++) {
      await append(1 + (step % 4) * 5);
      if (step % 3 === 1) await runArchive(world.batch);
      if (step % 6 === 4) await trimToArchive();
      if (step % 4 === 2) await forget();
      sources.push(new Source("?from=earliest"));
      // one that comes back where another is
      const { lastId } = sources[step % sources.length]!;
      if (lastId !== "") sources.push(new Source("?from=latest", lastId));
    }
    await forget();
    const all = byPlace(await lines());
    const end = formatPosition(world.end);
    await until(() => sources.every(({ lastId }) => lastId === end));
    for (const { found } of sources) {
      expectInOrder(found);
      const begins = all.length - found.length;
      expect(found.length).toBeLessThanOrEqual(all.length);
      if (begins === 0) expect(byPlace(found)).toEqual(all);
      for (const each of found) expect(all).toContain(plain(each));
    }
    for (const source of sources) source.close();
  });

  it("end where they are to end, and say so once more to a client that comes again", async () => {
    await open();
    await numberedEvents(() => world)(6);
    const source = new Source("?from=earliest&upto=latest");
    await until(() => source.ended);
    expect(source.kinds).toEqual([...Array.from({ length: 6 }, () => "message"), "end"]);
    expect(source.lastId).toBe("events@0:3,1:3");
    const again = new Source(`?from=earliest&upto=${source.lastId}`, source.lastId);
    await until(() => again.ended);
    expect(again.status).toBe(204);
    const some = new Source("?from=earliest&limit=2");
    await until(() => some.ended);
    expect([some.found.length, some.kinds.at(-1)]).toEqual([2, "end"]);
    const following = new Source("");
    await until(() => following.lastId !== "");
    api.stop.abort();
    await until(() => following.ended);
  });

  it("begin at the log's end where what was read before is trimmed", async () => {
    await open();
    const append = numberedEvents(() => world);
    await append(4);
    expect(await lines()).toHaveLength(4);
    await append(4);
    await runArchive(world.batch);
    await trimToArchive();
    const source = new Source("");
    await until(() => source.lastId !== "");
    await append(2);
    await until(() => source.found.length === 2);
    source.close();
  });

  it("take up partitions that are added", async () => {
    await open();
    const source = new Source("?from=earliest");
    const value = (x: number) => JSON.stringify({ g: "g", x });
    await world.append([{ partition: 0, value: value(1), valid: true }]);
    await until(() => source.found.length === 1);
    (world.log as MemoryLog).setPartitions(logStream(events), 3);
    const more = { key: null, value: Buffer.from(value(2)) };
    await world.log.append(logStream(events), [{ partition: 2, ...more }]);
    for (let i = 0; source.found.length < 2; i++) {
      await world.log.append(logStream(events), [{ partition: 1, key: null, value: Buffer.from("{") }]);
      await new Promise((resolve) => setTimeout(resolve, 60));
      if (i > 200) throw new Error("the added partition is not read");
    }
    expect(source.found[1]).toMatchObject({ partition: 2, offset: 0 });
    expect(parsePosition(source.lastId, { events: { 0: 0, 1: 0, 2: 0 } }).events![2]).toBe(1);
    source.close();
  });
});

/** Asks, and reads nothing after the first bytes until it is to. */
async function slowly(query: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  sockets.push(socket);
  let [text, paused, closed] = ["", false, false];
  socket.on("data", (data: Buffer) => {
    text += data.toString("latin1");
    if (!paused) socket.pause();
    paused = true;
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  socket.write(`GET /v1/streams/events/events${query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`);
  await until(() => text !== "");
  const rest = async () => {
    socket.resume();
    await until(() => closed);
    return text;
  };
  return { rest, isClosed: () => closed };
}

describe("slow readers", () => {
  const [count, length] = [300, 60_000];
  const large = () =>
    world.append(
      Array.from({ length: count }, (_, x) => ({
        partition: x & 1,
        value: JSON.stringify({ g: "x".repeat(length), x }),
        valid: true,
      })),
    );

  it.each(["log", "archive"])(
    "are disconnected, and resume exactly, from the %s",
    { timeout: 60_000 },
    async (from) => {
      await open({}, 150);
      await large();
      if (from === "archive") {
        await runArchive(world.batch);
        await trimToArchive();
      }
      const reader = await slowly("?from=earliest");
      await until(() => api.outboxes.count === 0);
      const text = await reader.rest();
      const ids = [...text.matchAll(/^id: (\S+)\ndata: (?:.*)\}\n\n/gm)].map(([, id]) => id!);
      const got = [...text.matchAll(/^data: \{"partition":(\d),"offset":(\d+).*"x":\d+\}\}\n\n/gm)].length;
      expect(got).toBeGreaterThan(0);
      expect(got).toBeLessThan(count);
      // from any replica; this one gives its readers the time that they need
      await api.close();
      api = await openApi(world);
      const rest = await lines(`?from=${ids.at(-1)!}`);
      expect(got + rest.length).toBe(count);
      expect(rest.length).toBe(new Set(byPlace(rest)).size);
    },
  );

  it("are not disconnected where they go on, and get all", { timeout: 60_000 }, async () => {
    await open({}, 1500);
    await large();
    const { body } = await fetch(`${url}/v1/streams/events/events`);
    let bytes = 0;
    for await (const chunk of body!) {
      bytes += (chunk as Uint8Array).length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(bytes).toBeGreaterThan(count * length);
  });

  it("leave nothing behind when they go", { timeout: 60_000 }, async () => {
    await open();
    await large();
    // more than may be connected at a time
    for (let i = 0; i < 26; i++) {
      const all = Array.from({ length: 20 }, (_, n) => new Source(n > 0 ? "" : "?from=earliest"));
      await until(() => all.every(({ lastId }) => lastId !== ""));
      for (const each of all) each.close();
    }
    await until(() => api.outboxes.count === 0);
    expect(api.outboxes.bytes).toBe(0);
    expect(await lines("?limit=1")).toHaveLength(1);
  });
});
