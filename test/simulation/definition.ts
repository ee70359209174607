/** The stream and the views of every simulation. */
import { Compiler } from "../../shared/compiler/compile.ts";
import type { Definition, StreamDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { stream } from "../support/view-case.ts";

export const windowMs = 600_000;
export const events: StreamDefinition = {
  ...stream("events", { e: "VARCHAR", g: "VARCHAR", x: "INTEGER" }),
  id: "e",
  dedupMs: windowMs,
  partitions: 2,
};
const views = {
  groups: "SELECT g, count(*) AS n, sum(x) AS s FROM events GROUP BY g",
  total: "SELECT count(*) AS n, max(x) AS top FROM events",
};

let compiled: Definition | null = null;
export async function definitionOf(shards: number): Promise<Definition> {
  if (!compiled) {
    const duck = await Duck.open({ threads: 1 });
    const session = await duck.session();
    const compiler = await Compiler.open(session, [events]);
    const list = [];
    for (const [name, sql] of Object.entries(views))
      list.push(await compiler.compile({ name, file: `views/${name}.sql`, sql, description: "" }));
    session.close();
    duck.close();
    compiled = {
      project: "simulation",
      streams: [events],
      references: [],
      views: list,
      timezone: "UTC",
      duckdb: "test",
      shards,
    };
  }
  return { ...compiled, shards };
}
