/**
 * A row from a read model is the row that DuckDB gives, at the same position, through flushes, compaction and
 * new versions.
 */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ReadModels } from "../../serving/model/read-models.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { randomOf } from "../faults/fault.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { scratchOf } from "../support/scratch.ts";
import { isFull } from "../support/share.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";
import { handOver } from "./hand-over.ts";

const events = {
  ...stream("events", { g: "VARCHAR?", i: "INTEGER", b: "BOOLEAN", at: "TIMESTAMP", x: "BIGINT", d: "DECIMAL(9,2)" }),
  partitions: 2,
};
const views = {
  texts: "SELECT g, count(*) AS n, median(x) AS middle, sum(d) AS d FROM events GROUP BY g",
  mixed: "SELECT i, b, date_trunc('hour', \"at\") AS hour, count(*) AS n FROM events GROUP BY ALL",
  balanced: "SELECT g, sum(x) AS s FROM events GROUP BY g HAVING sum(x) <> 0",
  total: "SELECT count(*) AS n FROM events",
  decimals: "SELECT d, count(*) AS n FROM events GROUP BY d",
  hidden: "SELECT count(*) AS n FROM events GROUP BY g",
};
let world: World;
let api: Api;
let models: ReadModels;
const writers: DeltaWriter[] = [];
const seed = Number(process.env.SEED || 7001);
const random = randomOf(seed);
const long = `${"ü".repeat(300)}"'\\`;
// one of them differs from another in a byte order mark alone
const names = [null, "", "a", "\uFEFFa", "b", 'q"', "x,y", "ü", long];

beforeAll(async () => {
  world = await World.open({ stream: events, views });
  const version = await world.firstVersion();
  writers.push(await world.writer(version, 0));
  api = await openApi(world, { models: true });
  models = api.models!;
});

afterAll(async () => {
  await api.close();
  for (const writer of writers) await writer.close();
  await world.close();
});

const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const event = () => {
  const value = {
    g: pick(names),
    i: Math.floor(random() * 4) - 2,
    b: random() < 0.5,
    at: `2026-01-0${1 + Math.floor(random() * 2)} 1${Math.floor(random() * 3)}:20:00`,
    x: Math.floor(random() * 5) - 2,
    d: Math.floor(random() * 4) / 4,
  };
  return { partition: Math.floor(random() * 2), value: JSON.stringify(value), valid: true };
};

async function send(count: number): Promise<void> {
  world.now += 20_000;
  await world.append(Array.from({ length: count }, event));
  await catchUp(world, writers.at(-1)!);
  await api.follow();
}

async function swap(): Promise<void> {
  writers.push(await handOver(world, api, () => models.poll()));
}

const settled = () =>
  until(async () => {
    await models.poll();
    return models.ready === 5;
  });

const filter = (value: unknown) => (value === null ? "is.null" : `eq.${String(value)}`);
/** Every key that there can be, and some that there can't. */
const keys: Record<string, URLSearchParams[]> = {
  texts: [...names, "nobody"].map((g) => new URLSearchParams([["g", filter(g)]])),
  balanced: names.map((g) => new URLSearchParams([["g", filter(g)]])),
  total: [new URLSearchParams()],
  decimals: ["0", "0.25", "0.5", "1"].map((d) => new URLSearchParams([["d", filter(d)]])),
  mixed: [-2, -1, 0, 1, 2].flatMap((i) =>
    [true, false].flatMap((b) =>
      ["2026-01-01 10:00:00", "2026-01-02 12:00:00", "2026-01-02"].map(
        (hour) =>
          new URLSearchParams([
            ["hour", filter(hour)],
            ["i", filter(i)],
            ["b", filter(b)],
          ]),
      ),
    ),
  ),
};

async function ask(view: string, query: string, accept = "application/json"): Promise<string> {
  const response = await api.app.inject({ method: "GET", url: `/v1/views/${view}?${query}`, headers: { accept } });
  expect(response.statusCode, response.body).toBe(200);
  return response.body;
}

it("is the row that DuckDB gives", { timeout: 120_000 }, async () => {
  const steps = Number(process.env.N || (isFull ? 12 : 6));
  let [found, asked] = [0, 0];
  const lookup = models.lookup.bind(models);
  models.lookup = (...args) => {
    const row = lookup(...args);
    asked++;
    if (row !== undefined) found++;
    return row;
  };
  let rows = 0;
  for (let step = 0; step < steps; step++) {
    if (step % 6 === 5) await swap();
    await send(1 + Math.floor(random() * 6));
    // also where a model is not at the position yet
    if (step % 3 !== 1) await settled();
    for (const [view, all] of Object.entries(keys)) {
      for (const key of all) {
        const row = await ask(view, key.toString());
        const [, data, meta] = /^\{"data":(.*),"meta":(.*)\}\n$/.exec(row)!;
        const other = await ask(view, `${key}&limit=9`);
        expect(
          `{"data":${data},"meta":${meta}}\n`,
          `SEED=${seed} step ${step} ${view}?${decodeURIComponent(String(key))}`,
        ).toBe(other);
        if (data !== "[]") rows++;
      }
    }
  }
  process.stdout.write(
    `read model: SEED=${seed} N=${steps} steps, ${rows} rows equal, ${found} of ${asked} from a model\n`,
  );
  expect(found).toBeGreaterThan(asked / 10);
  expect(await ask("texts", "g=eq.a", "application/x-ndjson")).toBe(
    await ask("texts", "g=eq.a&limit=1", "application/x-ndjson"),
  );
});

it("can be closed while it builds", async () => {
  for (let round = 0; round < 3; round++) {
    await models.close();
    await models.poll();
  }
  await models.close();
  expect(models.ready).toBe(0);
  expect(await ask("texts", "g=eq.a")).toBe(await ask("texts", "g=eq.a&limit=2"));
  expect(scratchOf(world.store).filter((name) => name.endsWith("-model"))).toEqual([]);
  await settled();
});

it("has no model of a view whose rows have no key, and starts over where its delta was recomputed", async () => {
  expect(models.ready).toBe(5);
  await send(3);
  await settled();
  await models.close();
  await settled();
  expect(await ask("texts", "g=eq.a")).toBe(await ask("texts", "g=eq.a&limit=2"));
});

/** A version, and its delta as far as the log goes. */
async function newVersion() {
  const version = await world.runBatch();
  const writer = await world.writer(version, 0);
  writers.push(writer);
  await catchUp(world, writer);
  return { version, writer };
}

/** The same, loaded but not served. */
async function nextVersion() {
  const made = await newVersion();
  await until(async () => {
    await api.follow();
    return api.follower.upcoming?.number === made.version.number;
  });
  return made;
}

/** Looks at a moment, however long they take. */
async function ticksAt(now: number, count: number): Promise<void> {
  const clock = vi.spyOn(performance, "now").mockReturnValue(now);
  for (let tick = 0; tick < count; tick++) await api.follow();
  clock.mockRestore();
}

it("is there before its version is served, which waits for it, unless its views are others", {
  timeout: 120_000,
}, async () => {
  const { follower } = api;
  await settled();
  const served = follower.manifest.number;
  const { version } = await nextVersion();
  // its models are not built yet
  for (let tick = 0; tick < 5; tick++) await api.follow();
  expect(follower.manifest.number).toBe(served);
  const changed = {
    ...version.definition,
    views: version.definition.views.map((view) => ({ ...view, identity: "other" })),
  };
  expect(models.isReadyFor({ ...version, definition: changed })).toBe(true);
  expect(models.isReadyFor(version)).toBe(false);
  const lookup = models.lookup.bind(models);
  let asked = 0;
  models.lookup = (...args) => {
    const row = lookup(...args);
    expect(row, `from version ${follower.manifest.number}`).not.toBeUndefined();
    asked++;
    return row;
  };
  await until(async () => {
    await models.poll();
    await api.follow();
    // before and right after the switch
    await ask("texts", "g=eq.a");
    return follower.manifest.number === version.number;
  });
  models.lookup = lookup;
  expect(asked).toBeGreaterThan(0);
});

it("is not waited for once what is served does not come after it; the next one is, again", {
  timeout: 120_000,
}, async () => {
  const { follower } = api;
  for (let night = 0; night < 2; night++) {
    await settled();
    const { version, writer } = await nextVersion();
    for (let tick = 0; tick < 3; tick++) await api.follow();
    expect(follower.manifest.number).toBeLessThan(version.number);
    // the old version's writer is gone
    await world.append([event()]);
    await catchUp(world, writer);
    const now = performance.now();
    await ticksAt(now, 3);
    expect(follower.manifest.number).toBeLessThan(version.number);
    await ticksAt(now + 2000, 1);
    expect(follower.manifest.number).toBe(version.number);
    expect(follower.position).toEqual(writer.position);
  }
});

it("is served before the one that comes after it", { timeout: 120_000 }, async () => {
  const { follower } = api;
  await settled();
  const nights: number[] = [];
  for (let night = 0; night < 2; night++) {
    nights.push((await newVersion()).version.number);
    // loads, and waits
    await until(async () => {
      await api.follow();
      return follower.upcoming?.number === nights[0] || follower.manifest.number === nights[0];
    });
  }
  await until(async () => {
    await api.follow();
    return follower.manifest.number === nights[0];
  });
  await until(async () => {
    await models.poll();
    await api.follow();
    return follower.manifest.number === nights[1];
  });
});
