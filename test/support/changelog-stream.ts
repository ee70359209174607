/** A stream of events as a changelog of such rows. */
import type { ChangelogStream, StreamDefinition } from "../../shared/definition.ts";
import { recordFields } from "../../shared/project/changelogs.ts";

export function changelogOf(rows: StreamDefinition, key: readonly string[]): ChangelogStream {
  const members = rows.fields.map(({ name, type }) => `${nameInType(name)} ${type}`);
  return {
    ...rows,
    fields: recordFields(`STRUCT(${members.join(", ")})`),
    changelog: { key, row: rows.fields },
  };
}

/** As DuckDB writes it. */
function nameInType(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
