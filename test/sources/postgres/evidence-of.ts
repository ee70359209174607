/** What a server with nothing wrong would say. */
import type { ColumnEvidence, Evidence, TableEvidence } from "../../../sources/postgres/evidence.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";

export const customers: SourceTable = {
  table: "public.customers",
  row: [
    { name: "id", type: "BIGINT", nullable: false },
    { name: "city", type: "VARCHAR", nullable: true },
    { name: "mood", type: "VARCHAR", nullable: true },
  ],
  key: ["id"],
};

export const column = (name: string, number: number, is: string, nullable = true): ColumnEvidence => ({
  name,
  number,
  type: number + 20,
  is: { name: is, isList: false, modifier: -1, written: is },
  nullable,
  generated: false,
});

export const table: TableEvidence = {
  oid: 100,
  kind: "r",
  storage: "100",
  published: "shop:7",
  isPublishedByLeaves: false,
  filter: null,
  sent: ["city", "id", "mood"],
  identities: ["d"],
  identity: ["id"],
  keys: [["id"], ["city", "mood"]],
  columns: [column("id", 1, "int8", false), column("city", 2, "text"), column("mood", 3, "enum")],
};

export const evidence: Evidence = {
  server: {
    system: "7000",
    timeline: 1,
    endLsn: "0/5000",
    version: 150_018,
    walLevel: "logical",
    inRecovery: false,
    database: "shop",
    encoding: "UTF8",
    keptBytesMax: null,
  },
  slot: {
    plugin: "pgoutput",
    database: "shop",
    confirmedLsn: "0/4000",
    restartLsn: "0/3000",
    walStatus: "reserved",
    activePid: null,
    keptBytes: 8192,
    safeBytes: null,
  },
  publications: {
    shop: { oid: 50, row: "700", inserts: true, updates: true, deletes: true, truncates: true, viaRoot: true },
  },
  tables: { "public.customers": table },
  enums: { "900": "glad", "901": "sad" },
};
