import { expect, it } from "vitest";
import type { Evidence } from "../../../sources/postgres/evidence.ts";
import { streamsText } from "../../../sources/postgres/inspect.ts";
import { column, evidence, table } from "./evidence-of.ts";

it("tables as streams of a configuration", () => {
  const amount = { ...column("amount", 4, "numeric"), nullable: false };
  const all: Evidence["tables"] = {
    "public.customers": {
      ...table,
      columns: [...table.columns, amount, { ...column("total", 5, "int4"), generated: true }, column("a b", 6, "bool")],
    },
    "old.customers": { ...table, identities: ["f"], keys: [["city", "mood"]] },
    "public.keyless": { ...table, identity: null, keys: [] },
    "public.nothing": { ...table, identities: ["n"] },
  };
  const why =
    "it has no primary key, and its replica identity is not FULL: UPDATE and DELETE fail once it is published: " +
    'ALTER TABLE "public"."keyless" ADD PRIMARY KEY (id)';
  expect(streamsText("shop", { ...evidence, tables: all })).toBe(`streams: {
  customers: {
    kind: "changelog",
    from: "shop:public.customers",
    key: "id",
    fields: {
      id: "BIGINT",
      city: "VARCHAR?",
      mood: "VARCHAR?",
      amount: "VARCHAR", // numeric: DECIMAL(38,s), where no value has more than s decimals
      "a b": "BOOLEAN?",
      // generated, not in the changes: total
    },
  },
  old_customers: {
    kind: "changelog",
    from: "shop:old.customers",
    key: ["city", "mood"],
    fields: {
      id: "BIGINT",
      city: "VARCHAR",
      mood: "VARCHAR",
    },
  },
  // public.keyless: left out: ${why}
  // public.nothing: left out: its replica identity is NOTHING: ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT
},
`);
});
