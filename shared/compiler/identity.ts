import { createHash } from "node:crypto";
import type { ReferenceTable, StreamDefinition, ViewDefinition } from "../definition.ts";

/** Hash of all that decides what a view's partials mean. */
export function identityOf(
  view: Pick<ViewDefinition, "streams" | "keys" | "parts" | "partial" | "combine">,
  streams: readonly StreamDefinition[],
  references: readonly ReferenceTable[],
  timezone: string,
): string {
  const tables = references.map((table) => [table.name, table.columns, table.file.sha256]);
  const parts = [
    streams.map((stream) => [
      stream.fields,
      stream.upcast,
      ...(stream.dedupMs === null ? [] : [stream.id, stream.dedupMs]),
    ]),
    tables,
    timezone,
    view.streams,
    view.keys,
    view.parts,
    view.partial,
    view.combine,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
