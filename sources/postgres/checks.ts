/**
 * What the stream of changes says nothing of: found by comparing what the server says now with what it said before.
 * All of it is a function of the two.
 */
import type { Evidence, SlotEvidence, TableEvidence } from "./evidence.ts";
import { lsnOf } from "./lsn.ts";
import { type SourceTable, unfitColumns, unpublished, withoutKey } from "./tables.ts";

export type FindingKind =
  | "slot-missing"
  | "slot-foreign"
  | "slot-lost"
  | "slot-advanced"
  | "slot-at-risk"
  | "server-other"
  | "server-promoted"
  | "server-restored"
  | "server-standby"
  | "server-setting"
  | "publication-missing"
  | "publication-recreated"
  | "publication-changed"
  | "table-missing"
  | "table-recreated"
  | "table-rewritten"
  | "table-changed"
  | "table-unpublished"
  | "table-republished"
  | "table-without-key"
  | "table-unfit"
  | "value-refused";

/**
 * What mends it: `slot`: a new slot, then all tables by diff; `tables`: all tables by diff; `table`: the one by diff;
 * `user`: what is written in `todo`, and for a table then a diff; `none`: it is a warning.
 */
export type Mend = "slot" | "tables" | "table" | "user" | "none";

export interface Finding {
  readonly kind: FindingKind;
  /** schema.name; null: it is of the whole source. */
  readonly table: string | null;
  /** What was found, and what it means. */
  readonly meaning: string;
  readonly mend: Mend;
  /** For people; "": nothing to do. */
  readonly todo: string;
}

export interface Known {
  readonly tables: readonly SourceTable[];
  /**
   * The LSN up to which the log had everything before the server was asked; null: nothing yet, and no slot is expected.
   */
  readonly durable: bigint | null;
  /** What was acknowledged since, at most; left out: nothing. */
  readonly acknowledged?: bigint;
}

/** A slot with less than this share of its limit left is at risk. */
const riskShare = 0.2;

/** @param before null: nothing is remembered */
export function findings(before: Evidence | null, now: Evidence, known: Known): Finding[] {
  return [
    ...ofServer(before, now, known.durable),
    ...ofSlot(now, known.acknowledged ?? known.durable),
    ...ofPublications(before, now),
    ...known.tables.flatMap((table) => ofTable(table, before, now)),
  ];
}

/** What is in `after`, and not in `before` already. */
export function newFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const id = ({ kind, table, meaning }: Finding) =>
    JSON.stringify([kind, table, meaning.replace(/[0-9A-F]+\/[0-9A-F]+|\d+/g, "")]);
  const known = new Set(before.map(id));
  return after.filter((finding) => !known.has(id(finding)));
}

function ofSource(kind: FindingKind, meaning: string, mend: Mend, todo = ""): Finding {
  return { kind, table: null, meaning, mend, todo };
}

function ofServer(before: Evidence | null, now: Evidence, durable: bigint | null): Finding[] {
  const { server } = now;
  if (server.version < 140_000) {
    return [ofSource("server-setting", `PostgreSQL ${Math.floor(server.version / 10_000)}`, "user", "14 is needed")];
  }
  if (server.walLevel !== "logical") {
    const meaning = `wal_level is ${server.walLevel}: the WAL lacks what changes are read from`;
    return [ofSource("server-setting", meaning, "user", "set wal_level = logical, and restart the server")];
  }
  if (server.encoding === "SQL_ASCII") {
    const meaning = "the database's encoding is SQL_ASCII: its texts are bytes without a meaning";
    return [ofSource("server-setting", meaning, "user", "dump it into a database with another encoding")];
  }
  if (server.inRecovery) {
    const todo = "name the primary in the source's address";
    return [ofSource("server-standby", "the server is a standby, which has no slots of its own", "user", todo)];
  }
  if (before !== null && before.server.system !== server.system) {
    return [ofSource("server-other", "this is another server than before, with WAL of its own", "slot")];
  }
  if (before !== null && before.server.timeline !== server.timeline) {
    const meaning =
      `timeline ${before.server.timeline} became ${server.timeline}: the server was promoted, or restored to a point ` +
      "in time, and what it had committed last may be gone";
    return [ofSource("server-promoted", meaning, "slot")];
  }
  if (durable !== null && lsnOf(server.endLsn) < durable) {
    const meaning = `the server's WAL ends at ${server.endLsn}, before what the log has: it was restored from a copy`;
    return [ofSource("server-restored", meaning, "slot")];
  }
  return [];
}

function ofSlot({ slot, server }: Evidence, durable: bigint | null): Finding[] {
  // of none that was made yet nothing is missing
  if (durable === null) return [];
  if (slot === null) return [ofSource("slot-missing", "the slot is gone, and with it what was not read yet", "slot")];
  if (slot.plugin !== "pgoutput" || slot.database !== server.database) {
    const meaning = `the slot is one of ${slot.plugin} in database ${slot.database}`;
    return [ofSource("slot-foreign", meaning, "user", "give the source a slot of its own")];
  }
  if (slot.walStatus === "lost" || slot.restartLsn === null) {
    return [ofSource("slot-lost", "the server removed WAL that the slot needed (max_slot_wal_keep_size)", "slot")];
  }
  if (slot.confirmedLsn !== null && lsnOf(slot.confirmedLsn) > durable) {
    const meaning =
      `the slot is at ${slot.confirmedLsn}, after what the log has: it was advanced, or dropped and created again, ` +
      "and changes in between do not come";
    return [ofSource("slot-advanced", meaning, "tables")];
  }
  return atRisk(slot, server.keptBytesMax);
}

function atRisk(slot: SlotEvidence, keptBytesMax: number | null): Finding[] {
  const isLow = keptBytesMax !== null && slot.safeBytes !== null && slot.safeBytes < riskShare * keptBytesMax;
  if (slot.walStatus !== "unreserved" && !isLow) return [];
  const kept = slot.keptBytes === null ? "" : `, which keeps ${Math.round(slot.keptBytes / 2 ** 20)} MB of WAL`;
  const meaning = `the slot${kept}, is about to be lost: max_slot_wal_keep_size is near`;
  return [
    ofSource("slot-at-risk", meaning, "none", "find out why the source is slow, or raise max_slot_wal_keep_size"),
  ];
}

function ofPublications(before: Evidence | null, now: Evidence): Finding[] {
  return Object.entries(now.publications).flatMap(([name, publication]) => {
    const known = before?.publications[name] ?? null;
    if (publication === null) {
      const meaning = `publication ${name} does not exist: nothing is sent, and the slot may be of no more use`;
      const todo = `CREATE PUBLICATION "${name}" FOR TABLE … WITH (publish_via_partition_root = true)`;
      return [ofSource("publication-missing", meaning, "user", todo)];
    }
    if (known === null) return [];
    if (known.oid !== publication.oid) {
      const meaning = `publication ${name} was dropped and created again: the slot can't be read any further`;
      return [ofSource("publication-recreated", meaning, "slot")];
    }
    if (known.row === publication.row) return [];
    const meaning = `publication ${name} was altered: changes may have been left out for a while`;
    return [ofSource("publication-changed", meaning, "tables")];
  });
}

function ofTable(table: SourceTable, before: Evidence | null, now: Evidence): Finding[] {
  const { table: name } = table;
  const found = now.tables[name] ?? null;
  const finding = (kind: FindingKind, meaning: string, mend: Mend, todo = ""): Finding[] => [
    { kind, table: name, meaning: `${name}: ${meaning}`, mend, todo },
  ];
  if (found === null) return finding("table-missing", "there is no such table", "user", "create it, or take it out");
  if (found.kind !== "r" && found.kind !== "p") {
    return finding("table-unfit", "it is no table: its changes are not in the WAL", "user", "name the table itself");
  }
  const isMissing = Object.values(now.publications).includes(null);
  const unfit =
    withoutKey(table, found) ??
    unfitColumns(table, found) ??
    // what is missing is found by itself
    (isMissing ? null : unpublished(table, found, now.publications));
  if (unfit !== null) {
    const kind = { "without-key": "table-without-key", unfit: "table-unfit" } as const;
    return finding(kind[unfit.kind as keyof typeof kind] ?? "table-unpublished", unfit.problem, "user", unfit.todo);
  }
  const known = before?.tables[name] ?? null;
  if (known === null) return [];
  return changed(table, known, found, finding, enumRenamed(before!, now));
}

function changed(
  table: SourceTable,
  known: TableEvidence,
  found: TableEvidence,
  finding: (kind: FindingKind, meaning: string, mend: Mend) => Finding[],
  isRenamed: boolean,
): Finding[] {
  if (known.oid !== found.oid) return finding("table-recreated", "it was dropped and created again", "table");
  if (known.published !== found.published || known.filter !== found.filter) {
    const meaning = "it was out of the publication, or in it otherwise, for a while: changes of then did not come";
    return finding("table-republished", meaning, "table");
  }
  const shape = ({ columns }: TableEvidence) =>
    JSON.stringify(
      table.row.map(({ name }) => {
        const column = columns.find((each) => each.name === name);
        return column && [column.number, column.type, column.is];
      }),
    );
  if (shape(known) !== shape(found)) {
    return finding("table-changed", "its columns changed, and values may have with them", "table");
  }
  if (known.storage !== found.storage) {
    const meaning =
      "its files are others: it was rewritten (ALTER TABLE, VACUUM FULL, TRUNCATE), or partitions came or went, and " +
      "values may have changed without a record";
    return finding("table-rewritten", meaning, "table");
  }
  const hasEnum = table.row.some(({ name }) => found.columns.find((each) => each.name === name)?.is.name === "enum");
  return hasEnum && isRenamed ? finding("table-changed", "a value of an enum was renamed", "table") : [];
}

function enumRenamed(before: Evidence, now: Evidence): boolean {
  return Object.entries(before.enums).some(([oid, label]) => (now.enums[oid] ?? label) !== label);
}
