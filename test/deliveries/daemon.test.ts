/** The role as it runs. */
import { afterEach, beforeEach, it } from "vitest";
import { runDeliver } from "../../deliveries/daemon.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";

let world: World;
beforeEach(async () => {
  world = await World.open({
    stream: stream("flights", { origin: "VARCHAR" }),
    views: { total: "SELECT count(*) AS n FROM flights" },
  });
});
afterEach(() => world.close());

it("forgets what was said of consumers that are gone", async () => {
  await world.firstVersion();
  const incidents = new Incidents(world.store, "deliver", () => world.now);
  await incidents.raise("consumer-stopped", "gone", { code: "CONSUMER_TARGET", message: "its store is away" });
  const stop = new AbortController();
  const { store } = world;
  const now = () => world.now;
  const options = { store, project: "shop", consumers: [], memoryLimit: "500MB", now, say: () => {} };
  const running = runDeliver({ ...options, signal: stop.signal });
  await until(async () => (await incidentsIn(store)).length === 0);
  stop.abort();
  await running;
});
