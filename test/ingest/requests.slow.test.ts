/**
 * Idempotency keys across processes that are killed: a request has one effect, and another body under its key
 * none, whichever server is asked next.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { brokerAvailable } from "../../demo/broker/broker.ts";
import { type Running, start } from "../cli/tidemark.ts";
import { folder } from "../project/project-folder.ts";
import { sharedBroker } from "../support/broker.ts";
import { isFull } from "../support/share.ts";
import { seededNumbers } from "../views/seeded.ts";

const given = process.env.KAFKA_BROKERS;
const lacking = given ? null : brokerAvailable();
const rounds = isFull ? 3 : 2;

describe("on the embedded log", () => killed(() => null));

describe.skipIf(lacking !== null)("on a real broker", () => {
  let brokers: string;
  beforeAll(async () => {
    brokers = await sharedBroker();
  });
  killed(() => brokers.split(","));
});

function killed(brokersOf: () => readonly string[] | null): void {
  it("counts each request once and no other body, through kills and restarts of servers", async () => {
    const seed = Number(process.env.TIDEMARK_SEED ?? Date.now() % 1_000_000);
    const random = seededNumbers(seed);
    const stream = `events_${randomUUID().slice(0, 8)}`;
    const brokers = brokersOf();
    const dir = folder({
      "tidemark.config.js": `export default ${JSON.stringify({
        name: stream,
        streams: { [stream]: { fields: { k: "VARCHAR", x: "BIGINT" }, key: "k", partitions: 7 } },
        ...(brokers ? { log: { brokers } } : {}),
        serve: { port: 0 },
      })};\n`,
      "views/all.sql": `SELECT k, count(*) AS n FROM "${stream}" GROUP BY k\n`,
    });
    const speed = start("speed", "--project", dir);
    await speed.wrote(/shard 0|speed/);
    const serve = async (): Promise<{ running: Running; url: string }> => {
      const running = start("serve", "--project", dir);
      return { running, url: (await running.wrote(/http:\/\/127\.0\.0\.1:\d+/))[0] };
    };
    const send = async (url: string, key: string, body: string) => {
      const response = await fetch(`${url}/v1/streams/${stream}/events`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body,
      });
      const { code = null, position = "" } = (await response.json()) as { code?: string; position?: string };
      return { status: response.status, code, position };
    };
    const reused = { status: 422, code: "IDEMPOTENCY_REUSED", position: "" };
    const bodyOf = (word: string, round: number) =>
      JSON.stringify(Array.from({ length: 20 }, (_, i) => ({ k: `${word}-${round}-${i}`, x: i })));
    const other = await serve();
    let victim = await serve();
    let position = "";
    for (let round = 0; round < rounds; round++) {
      const [body, another] = [bodyOf("good", round), bodyOf("bad", round)];
      const lost = send(victim.url, `k${round}`, body).catch(() => null);
      await pause(random() * 40);
      victim.running.child.kill("SIGKILL");
      await Promise.all([lost, victim.running.done]);
      // it may have arrived without an acknowledgement
      const taken = await send(other.url, `k${round}`, body);
      expect(taken).toMatchObject({ status: 200 });
      position = taken.position;
      expect(await send(other.url, `k${round}`, another)).toEqual(reused);
      victim = await serve();
      expect(await send(victim.url, `"k${round}"`, another)).toEqual(reused);
      expect(await send(victim.url, `"k${round}"`, body)).toMatchObject({ status: 200 });
    }
    const answer = await fetch(`${other.url}/v1/views/all?limit=1000`, { headers: { "tidemark-wait-for": position } });
    const { data } = (await answer.json()) as { data: { k: string; n: number }[] };
    expect(data.map(({ k, n }) => `${k} ${n}`).sort()).toEqual(
      Array.from({ length: 20 * rounds }, (_, i) => `good-${Math.floor(i / 20)}-${i % 20} 1`).sort(),
    );
    console.log(`requests: SEED=${seed} N=${rounds} servers killed with a request under way, each counted once`);
    for (const running of [other.running, victim.running, speed])
      expect((await running.stop()).err).not.toContain("INTERNAL");
  }, 120_000);
}
