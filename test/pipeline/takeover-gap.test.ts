/** A takeover goes as far as the chain of good entries, and not over what is missing in it. */
import { expect, it } from "vitest";
import { equals } from "../../shared/position.ts";
import { newestHead, snapshotOf } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, World } from "./world.ts";

it("an entry without its file ends what is taken over, and the rest is recomputed", async () => {
  const world = await World.open({
    stream: { ...stream("events", { g: "VARCHAR" }), partitions: 1 },
    views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
  });
  try {
    const version = await world.firstVersion();
    const first = await world.writer(version, 0);
    for (const g of ["a", "b", "c"]) {
      await world.append([{ partition: 0, value: JSON.stringify({ g }), valid: true }]);
      await catchUp(world, first);
    }
    await first.close();
    const [good, bad] = (await newestHead(world.store, version.number, 0))!.entries;
    behind(world.store).remove(bad!.views.groups!.file!.name);
    const second = await world.writer(version, 0);
    expect(equals(second.position, good!.upto)).toBe(true);
    await catchUp(world, second);
    expect(await world.expectExact(await snapshotOf(world.store, version))).toBe(1);
    await second.close();
  } finally {
    await world.close();
  }
});
