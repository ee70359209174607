import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { World } from "../pipeline/world.ts";
import { openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";

it("the Grafana dashboard asks for metrics that there are", async () => {
  const { panels } = JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/grafana.json"), "utf8")) as {
    panels: { targets: { expr: string }[] }[];
  };
  const asked = new Set(
    panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/\b(tidemark|process|nodejs)_\w+/g) ?? []),
    ),
  );
  expect(asked.size).toBeGreaterThan(12);
  const world = await World.open({
    stream: stream("events", { g: "VARCHAR" }),
    views: { total: "SELECT count(*) AS n FROM events" },
  });
  await world.firstVersion();
  const api = await openApi(world);
  try {
    await api.app.inject("/v1/views/total");
    const metrics = (await api.app.inject("/metrics")).body;
    for (const name of asked) expect(metrics).toMatch(new RegExp(`^(# TYPE )?${name.replace(/_bucket$/, "")}\\b`, "m"));
  } finally {
    await api.close();
    await world.close();
  }
});
