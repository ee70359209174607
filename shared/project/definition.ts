import { Compiler } from "../compiler/compile.ts";
import type { Definition } from "../definition.ts";
import { Duck } from "../duckdb/duck.ts";
import type { Store } from "../store/store.ts";
import type { Project } from "./project.ts";
import { keepReference } from "./references.ts";

/**
 * Compiles a project's files into a definition, and keeps its reference tables in the store.
 * @param store null: the definition is only looked at, and its reference tables have no files
 * @throws CONFIG_INVALID where a reference table can't be read; VIEW_SYNTAX, VIEW_UNSUPPORTED with file:line:column
 */
export async function makeDefinition(project: Project, store: Store | null): Promise<Definition> {
  const duck = await Duck.open({ timezone: project.batch.timezone, threads: 1 });
  const session = await duck.session();
  try {
    const references = [];
    for (const each of project.references) references.push(await keepReference(session, store, project.dir, each));
    const compiler = await Compiler.open(session, project.streams, references);
    const views = [];
    for (const view of project.views) views.push(await compiler.compile(view));
    return {
      project: project.name,
      streams: project.streams,
      references,
      views,
      timezone: project.batch.timezone,
      duckdb: String(await session.value("SELECT version()")),
      shards: project.speed.shards,
    };
  } finally {
    session.close();
    duck.close();
  }
}

/** What differs between the project's files and a version's definition, in words; empty when nothing does. */
export function differencesOf(files: Definition, version: Definition): string[] {
  const found: string[] = [];
  const compare = <T extends { name: string }>(what: string, now: readonly T[], then: readonly T[]) => {
    const before = new Map(then.map((each) => [each.name, JSON.stringify(each)]));
    for (const each of now) {
      const old = before.get(each.name);
      if (old === undefined) found.push(`${what} ${each.name} is new`);
      else if (old !== JSON.stringify(each)) found.push(`${what} ${each.name} has changed`);
      before.delete(each.name);
    }
    for (const name of before.keys()) found.push(`${what} ${name} is gone`);
  };
  compare("stream", files.streams, version.streams);
  compare("reference table", files.references, version.references);
  compare("view", files.views, version.views);
  if (files.timezone !== version.timezone) found.push(`the time zone is ${files.timezone}, not ${version.timezone}`);
  if (files.shards !== version.shards) found.push(`speed.shards is ${files.shards}, not ${version.shards}`);
  if (files.duckdb !== version.duckdb) found.push(`DuckDB is ${files.duckdb}, not ${version.duckdb}`);
  return found;
}
