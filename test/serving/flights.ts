/** A few flights, of which four lie in batch and three in speed. */
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";

type Flight = readonly [carrier: string, at: string, delay: number, origin: string];

const flights = {
  ...stream("flights", { carrier: "VARCHAR", at: "TIMESTAMP", delay: "BIGINT", origin: "VARCHAR" }),
  partitions: 2,
};

const events: readonly Flight[] = [
  ["AA", "2026-01-01 10:05:00", 1, "JFK"],
  ["AA", "2026-01-01 10:15:00", 2, "SFO"],
  ["AA", "2026-01-01 11:00:00", 30, "JFK"],
  ["AA", "2026-01-02 10:00:00", 5, "JFK"],
  ["BB", "2026-01-01 10:30:00", 7, "SFO"],
  ["BB", "2026-02-01 23:59:00", 8, "SFO"],
  ["CC", "2026-02-01 00:00:00", 100, "LAX"],
];

export interface Flown {
  readonly world: World;
  readonly writer: DeltaWriter;
  send(...more: readonly Flight[]): Promise<void>;
}

export async function fly(views: Readonly<Record<string, string>>): Promise<Flown> {
  const world = await World.open({ stream: flights, views });
  await world.firstVersion();
  const append = (some: readonly Flight[]) =>
    world.append(
      some.map(([carrier, at, delay, origin], i) => {
        return { partition: i % 2, value: JSON.stringify({ carrier, at, delay, origin }), valid: true };
      }),
    );
  await append(events.slice(0, 4));
  await world.runBatch();
  const writer = await world.writer((await newestVersion(world.store))!, 0);
  const send = async (...more: readonly Flight[]) => {
    await append(more);
    await catchUp(world, writer);
  };
  await send(...events.slice(4));
  return { world, writer, send };
}
