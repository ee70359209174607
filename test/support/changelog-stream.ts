/** A stream of events as a changelog of such rows. */
import type { ChangelogStream, StreamDefinition } from "../../shared/definition.ts";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { recordFields } from "../../shared/project/changelogs.ts";

export function changelogOf(rows: StreamDefinition, key: readonly string[]): ChangelogStream {
  const members = rows.fields.map(({ name, type }) => `${quoteName(name)} ${type}`);
  return {
    ...rows,
    fields: recordFields(`STRUCT(${members.join(", ")})`),
    changelog: { key, row: rows.fields },
  };
}
