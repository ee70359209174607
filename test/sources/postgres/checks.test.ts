/** What evidence of before and of now says together. */
import { describe, expect, it } from "vitest";
import { findings, newFindings } from "../../../sources/postgres/checks.ts";
import type { Evidence, PublicationEvidence, TableEvidence } from "../../../sources/postgres/evidence.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";
import { column, customers, evidence, table } from "./evidence-of.ts";

const durable = 0x4000n;
const known = { tables: [customers], durable };
const server = (changes: Partial<Evidence["server"]>): Evidence => ({
  ...evidence,
  server: { ...evidence.server, ...changes },
});
const slot = (changes: Partial<Evidence["slot"] & object>): Evidence => ({
  ...evidence,
  slot: { ...evidence.slot!, ...changes },
});
const publication = (changes: Partial<PublicationEvidence>): Evidence => ({
  ...evidence,
  publications: { shop: { ...evidence.publications.shop!, ...changes } },
});
const changed = (changes: Partial<TableEvidence>): Evidence => ({
  ...evidence,
  tables: { "public.customers": { ...table, ...changes } },
});
const found = (before: Evidence | null, now: Evidence, of = known) =>
  findings(before, now, of).map(({ kind, mend, table }) => `${kind} → ${mend}${table === null ? "" : " of a table"}`);

it("nothing is wrong with what is as it was, or is seen for the first time", () => {
  expect(found(evidence, evidence)).toEqual([]);
  expect(found(null, evidence)).toEqual([]);
});

describe("is found at first sight", () => {
  it.each<[string, Evidence, string]>([
    ["an old server", server({ version: 130_004 }), "server-setting → user"],
    ["WAL without what is needed", server({ walLevel: "replica" }), "server-setting → user"],
    ["texts without an encoding", server({ encoding: "SQL_ASCII" }), "server-setting → user"],
    ["a standby", server({ inRecovery: true }), "server-standby → user"],
    ["a server restored from a copy", server({ endLsn: "0/3FFF" }), "server-restored → slot"],
    ["no slot", { ...evidence, slot: null }, "slot-missing → slot"],
    ["a slot of another plugin", slot({ plugin: "wal2json" }), "slot-foreign → user"],
    ["a slot of another database", slot({ database: "other" }), "slot-foreign → user"],
    ["a slot whose WAL is gone", slot({ walStatus: "lost", restartLsn: null }), "slot-lost → slot"],
    ["a slot that was advanced", slot({ confirmedLsn: "0/4001" }), "slot-advanced → tables"],
    ["a slot about to be lost", slot({ walStatus: "unreserved" }), "slot-at-risk → none"],
    ["no publication", { ...evidence, publications: { shop: null } }, "publication-missing → user"],
    ["no table", { ...evidence, tables: { "public.customers": null } }, "table-missing → user of a table"],
    ["a view", changed({ kind: "v" }), "table-unfit → user of a table"],
    ["no primary key", changed({ identity: null, keys: [] }), "table-without-key → user of a table"],
    ["identity NOTHING", changed({ identities: ["n"] }), "table-without-key → user of a table"],
    ["one partition with NOTHING", changed({ identities: ["d", "n"] }), "table-without-key → user of a table"],
    ["identified by others", changed({ identity: ["city", "mood"] }), "table-without-key → user of a table"],
    ["FULL, no unique key", changed({ identities: ["f"], keys: [["city"]] }), "table-without-key → user of a table"],
    ["a column that is gone", changed({ columns: table.columns.slice(0, 2) }), "table-unfit → user of a table"],
    [
      "a generated column",
      changed({ columns: [...table.columns.slice(0, 2), { ...table.columns[2]!, generated: true }] }),
      "table-unfit → user of a table",
    ],
    [
      "a column of another type",
      changed({ columns: [column("id", 1, "uuid", false), ...table.columns.slice(1)] }),
      "table-unfit → user of a table",
    ],
    [
      "a column that may be NULL",
      changed({ columns: [column("id", 1, "int8"), ...table.columns.slice(1)] }),
      "table-unfit → user of a table",
    ],
    ["in no publication", changed({ published: null }), "table-unpublished → user of a table"],
    [
      "partitions by themselves",
      changed({ published: null, isPublishedByLeaves: true }),
      "table-unpublished → user of a table",
    ],
    ["columns left out", changed({ sent: ["id", "city"] }), "table-unpublished → user of a table"],
    ["updates left out", publication({ updates: false }), "table-unpublished → user of a table"],
    ["truncates left out", publication({ truncates: false }), "table-unpublished → user of a table"],
  ])("%s", (_, now, expected) => {
    expect(found(null, now)).toEqual([expected]);
  });
});

describe("is found against what is remembered", () => {
  it.each<[string, Evidence, string]>([
    ["another server", server({ system: "7001", timeline: 3 }), "server-other → slot"],
    ["a promoted server", server({ timeline: 2 }), "server-promoted → slot"],
    ["a publication of the same name", publication({ oid: 51, row: "800" }), "publication-recreated → slot"],
    ["a publication that was altered", publication({ row: "800" }), "publication-changed → tables"],
    [
      "a table of the same name",
      changed({ oid: 101, storage: "101", published: "shop:8" }),
      "table-recreated → table of a table",
    ],
    ["out of the publication and back", changed({ published: "shop:8" }), "table-republished → table of a table"],
    ["a row filter", changed({ filter: "(id > 5)" }), "table-republished → table of a table"],
    ["a rewritten table", changed({ storage: "105" }), "table-rewritten → table of a table"],
    [
      "a column dropped and added",
      changed({ columns: [...table.columns.slice(0, 2), column("mood", 4, "enum")] }),
      "table-changed → table of a table",
    ],
    [
      "a value of an enum renamed",
      { ...evidence, enums: { "900": "happy", "901": "sad" } },
      "table-changed → table of a table",
    ],
  ])("%s", (_, now, expected) => {
    expect(found(evidence, now)).toEqual([expected]);
    expect(found(null, now)).toEqual([]);
  });

  it.each<[string, Evidence]>([
    ["a column that is not declared", changed({ columns: [...table.columns, column("age", 4, "int4")] })],
    ["a value that an enum got", { ...evidence, enums: { ...evidence.enums, "902": "calm" } }],
    ["another identity", changed({ identities: ["f"] })],
    ["the slot went on", slot({ confirmedLsn: "0/3F00", restartLsn: "0/3100" })],
  ])("and nothing is wrong with %s", (_, now) => {
    expect(found(evidence, now)).toEqual([]);
  });
});

it("a slot that was not created yet is not missing", () => {
  expect(found(null, { ...evidence, slot: null }, { ...known, durable: null as unknown as bigint })).toEqual([]);
});

it("what is acknowledged while the server answers is neither beyond its end nor ahead of the log", () => {
  const now = slot({ confirmedLsn: "0/5800" });
  expect(found(null, now, { ...known, acknowledged: 0x6000n } as typeof known)).toEqual([]);
});

it("rows that only come need no key, and no updates", () => {
  const outbox: SourceTable = { ...customers, insertsOnly: true };
  const now = {
    ...changed({ identity: null, keys: [] }),
    publications: publication({ updates: false, deletes: false, truncates: false }).publications,
  };
  expect(found(null, now, { tables: [outbox], durable })).toEqual([]);
});

it("a share of max_slot_wal_keep_size is left", () => {
  const left = (safeBytes: number) => ({ ...server({ keptBytesMax: 1_000 }), slot: slot({ safeBytes }).slot });
  expect(found(null, left(201))).toEqual([]);
  expect(found(null, left(199))).toEqual(["slot-at-risk → none"]);
});

it("what lasts is said once", () => {
  const [at, later] = ["0/4001", "1/0"].map((lsn) => findings(null, slot({ confirmedLsn: lsn }), known));
  expect(newFindings([], at!)).toEqual(at);
  expect(newFindings(at!, later!)).toEqual([]);
  const lost = findings(null, slot({ walStatus: "lost" }), known);
  expect(newFindings(at!, lost)).toEqual(lost);
});

it("says what it means and what to do", () => {
  const [without] = findings(null, changed({ identity: null, keys: [] }), known);
  expect(without!.meaning).toBe(
    "public.customers: it has no primary key, and its replica identity is not FULL: UPDATE and DELETE fail once " +
      "it is published",
  );
  expect(without!.todo).toBe('ALTER TABLE "public"."customers" ADD PRIMARY KEY (id)');
  const [unfit] = findings(
    null,
    changed({ columns: [column("id", 1, "uuid", false), ...table.columns.slice(1)] }),
    known,
  );
  expect(unfit!.meaning).toBe('public.customers: column id is uuid, which is no BIGINT: declare "UUID"');
});
