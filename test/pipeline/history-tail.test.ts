/** The past is read up to exactly the offset asked for, also where that divides a batch of the log. */
import { expect, it } from "vitest";
import { History } from "../../shared/history/history.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

it("a range that ends inside a batch of the log gives the events below its end", async () => {
  const events = { ...stream("events", { i: "BIGINT" }), partitions: 1 };
  const world = await World.open({ stream: events, views: { all: "SELECT count(*) AS n FROM events" } });
  try {
    const version = await world.firstVersion();
    const records = [0, 1, 2, 3].map((i) => ({ partition: 0, value: JSON.stringify({ i }), valid: true }));
    await world.append(records);
    const history = new History(world.store, world.log, version.origin);
    for (const upto of [1, 2, 3, 4]) {
      const select = await history.events(world.oracle, events, [{ stream: "events", partition: 0, from: 0, upto }]);
      expect(Number(await world.oracle.value(`SELECT count(*) FROM (${select})`))).toBe(upto);
    }
  } finally {
    await world.close();
  }
});
