import { Compiler } from "../compiler/compile.ts";
import type { Definition } from "../definition.ts";
import { Duck } from "../duckdb/duck.ts";
import type { Store } from "../store/store.ts";
import type { Project } from "./project.ts";
import { keepReference } from "./references.ts";

/**
 * Compiles a project's files into a definition, and keeps its reference tables in the store.
 * @param store null: the definition is only shown, and its reference tables have no files
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
