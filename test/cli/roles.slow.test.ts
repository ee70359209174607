import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { brokerAvailable } from "../../demo/broker/broker.ts";
import { connect } from "../../serving/client/client.ts";
import { folder } from "../project/project-folder.ts";
import { sharedBroker } from "../support/broker.ts";
import { outputOf, type Running, start, startBuilt, tidemark } from "./tidemark.ts";

const given = process.env.KAFKA_BROKERS;
const lacking = given ? null : brokerAvailable();

/** A stream of its own for each test: a broker outlives them. */
function project(brokers: string | null): { dir: string; stream: string } {
  const stream = `numbers_${randomUUID().slice(0, 8)}`;
  const settings = {
    name: "numbers",
    streams: { [stream]: { fields: { g: "VARCHAR", v: "BIGINT" }, key: "g", partitions: 2 } },
    ...(brokers ? { log: { brokers: brokers.split(",") } } : {}),
    serve: { port: 0 },
  };
  const view = `SELECT g, count(*) AS n, sum(v) AS s, avg(v) AS a FROM "${stream}" GROUP BY g\n`;
  const dir = folder({
    "tidemark.config.js": `export default ${JSON.stringify(settings)};\n`,
    "views/groups.sql": view,
  });
  return { dir, stream };
}

interface Answer {
  readonly data: readonly { readonly g: string; readonly n: number; readonly s: number; readonly a: number }[];
  readonly meta: {
    readonly position: string;
    readonly version: number;
    readonly events: { readonly batch: number; readonly speed: number };
  };
}

async function ask(url: string, waitFor: string): Promise<Answer> {
  const response = await fetch(`${url}/v1/views/groups?order=g`, { headers: { "tidemark-wait-for": waitFor } });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** Appends numbers [from, upto) and gives the position after them. */
async function load({ dir, stream }: { dir: string; stream: string }, from: number, upto: number): Promise<string> {
  const input = Array.from({ length: upto - from }, (_, i) =>
    JSON.stringify({ g: `g${(from + i) % 5}`, v: from + i }),
  ).join("\n");
  const { out, code, err } = await startBuilt("cli/main.js", ["load", stream, "-", "--project", dir], { input }).done;
  expect(err).toMatch(/events appended/);
  expect(code).toBe(0);
  return out.trim();
}

/** Reads a stream's events as they come, over as many connections as it takes. */
async function follow(url: string, stream: string, read: number[], signal: AbortSignal): Promise<void> {
  const streams = connect<object, Record<string, { v: number }>>({ url });
  for await (const { event } of streams.stream(stream).events({ from: "earliest", signal })) read.push(event.v);
}

function truth(upto: number): Answer["data"] {
  return Array.from({ length: 5 }, (_, g) => {
    const values = Array.from({ length: upto }, (_, v) => v).filter((v) => v % 5 === g);
    const s = values.reduce((sum, v) => sum + v, 0);
    return { g: `g${g}`, n: values.length, s, a: s / values.length };
  });
}

async function urlOf(running: Running): Promise<string> {
  return (await running.wrote(/http:\/\/127\.0\.0\.1:\d+/))[0];
}

async function expectStopsCleanly(running: Running): Promise<void> {
  const began = performance.now();
  const { code, err } = await running.stop();
  expect(code, err).toBe(143);
  expect(performance.now() - began).toBeLessThan(5000);
  expect(err).not.toMatch(/error| {4}at /i);
}

function roles(name: string, brokersOf: () => string | null): void {
  describe(name, () => {
    it("dev: every role in one process, with answers that cover what was just appended", async () => {
      const made = project(brokersOf());
      const { dir } = made;
      const dev = start("dev", "--project", dir);
      const url = await urlOf(dev);
      const first = await ask(url, await load(made, 0, 1000));
      expect(first.data).toEqual(truth(1000));
      expect(first.meta).toMatchObject({ version: 0, events: { batch: 0, speed: 1000 } });
      expect(await outputOf("batch", "--once", "--project", dir)).toBe("1\n");
      const second = await ask(url, await load(made, 1000, 1500));
      expect(second.data).toEqual(truth(1500));
      await expect.poll(async () => (await ask(url, "")).meta.version, { timeout: 20_000 }).toBe(1);
      expect((await ask(url, second.meta.position)).data).toEqual(truth(1500));
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      await expectStopsCleanly(dev);
      expect((await tidemark("verify", "--project", dir)).code).toBe(0);
    });

    it("batch, speed and serve as processes of their own, a killed speed among them", async () => {
      const made = project(brokersOf());
      const { dir } = made;
      const speed = start("speed", "--project", dir);
      const serve = start("serve", "--project", dir);
      const batch = start("batch", "--project", dir);
      await batch.wrote(/recompute at/);
      const url = await urlOf(serve);
      expect((await ask(url, await load(made, 0, 2000))).data).toEqual(truth(2000));
      const reader = new AbortController();
      const read: number[] = [];
      const reading = follow(url, made.stream, read, reader.signal);
      await expect.poll(() => read.length, { timeout: 20_000 }).toBe(2000);
      for (const role of [speed, serve]) {
        role.child.kill("SIGKILL");
        await role.done;
      }
      const position = await load(made, 2000, 2600);
      const again = start("speed", "--project", dir);
      const served = start("serve", "--project", dir, "--port", new URL(url).port);
      await urlOf(served);
      expect((await ask(url, position)).data).toEqual(truth(2600));

      // a second speed process takes over; the first says so, stands by, and takes over when the second is killed
      const third = start("speed", "--project", dir);
      await again.wrote(/has taken over \(generation \d+ of version \d+\).*standing by/);
      expect((await ask(url, await load(made, 2600, 3000))).data).toEqual(truth(3000));
      third.child.kill("SIGKILL");
      await third.done;
      const behind = await load(made, 3000, 3200);
      await again.wrote(/heartbeat has stopped; taking over/);
      expect((await ask(url, behind)).data).toEqual(truth(3200));
      // who reads the stream has each event once, from both servers
      await expect.poll(() => read.length, { timeout: 20_000 }).toBe(3200);
      reader.abort();
      await reading;
      expect(read.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 3200 }, (_, v) => v));
      for (const role of [batch, again, served]) await expectStopsCleanly(role);
      expect((await tidemark("verify", "--project", dir)).code).toBe(0);
    });
  });
}

roles("over the embedded log", () => null);

if (lacking) {
  console.warn(
    `\n*** The roles over Kafka are NOT tested: ${lacking}. Set KAFKA_BROKERS to use a broker that runs. ***\n`,
  );
  it("over Kafka", (context) => {
    if (process.env.CI === "true") throw new Error(`Kafka cannot be tested here: ${lacking}`);
    context.skip(lacking);
  });
} else {
  describe("with a real broker", () => {
    let brokers: string;
    beforeAll(async () => {
      brokers = await sharedBroker();
    });
    roles("over Kafka", () => brokers);
  });
}
