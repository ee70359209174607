import type { Definition } from "../definition.ts";

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
