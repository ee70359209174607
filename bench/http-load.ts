/**
 * A process that asks a server as fast as it answers, and prints each answer's time: the load generator has a
 * process of its own, and is warm.
 */
import { readFileSync } from "node:fs";
import autocannon from "autocannon";

export interface Load {
  readonly url: string;
  readonly connections: number;
  /** That count; a second before them does not: the generator's own code is compiled meanwhile. */
  readonly seconds: number;
  /** The number of keys to query one by one; null: post bodies. */
  readonly keys: number | null;
  /** NDJSON bodies, in turns. */
  readonly bodies: readonly string[];
}

export interface LoadResult {
  /** Milliseconds of each answer, and when it came, ms since the epoch. */
  readonly times: readonly number[];
  readonly at: readonly number[];
  readonly errors: number;
  readonly perSecond: number;
}

const load = JSON.parse(readFileSync(0, "utf8")) as Load;
let next = 0;
const times: number[] = [];
const at: number[] = [];
const post = load.keys === null;
const bodies = load.bodies.length > 0 ? load.bodies : [""];
const options: autocannon.Options = {
  url: load.url,
  connections: load.connections,
  duration: load.seconds + 1,
  requests: [
    {
      method: post ? "POST" : "GET",
      ...(post ? { headers: { "content-type": "application/x-ndjson" } } : {}),
      setupRequest: (request) => {
        const turn = next++;
        if (load.keys === null)
          return { ...request, path: "/v1/streams/events/events", body: bodies[turn % bodies.length]! };
        return { ...request, path: `/v1/views/point?device=eq.key-${(turn * 7919) % load.keys}` };
      },
    },
  ],
};
const countsFrom = Date.now() + 1000;
const result = await new Promise<autocannon.Result>((resolve, reject) => {
  const instance = autocannon(options, (error: unknown, found) => (error ? reject(error as Error) : resolve(found)));
  instance.on("response", (_client, _status, _bytes, ms) => {
    const now = Date.now();
    if (now < countsFrom) return;
    times.push(ms);
    at.push(now);
  });
});
const loadResult: LoadResult = {
  times,
  at,
  errors: result.errors + result.timeouts + result.non2xx,
  perSecond: result.requests.average,
};
process.stdout.write(JSON.stringify(loadResult));
