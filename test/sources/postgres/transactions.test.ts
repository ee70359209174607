/** Messages → items, of messages that are made here; of a server's, in source.slow.test.ts. */
import { describe, expect, it } from "vitest";
import type { PostgresConnection } from "../../../shared/postgres/connection.ts";
import type { Piece, SourceItem } from "../../../sources/postgres/items.ts";
import type { Relation, Tuple, WalMessage } from "../../../sources/postgres/pgoutput.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";
import { Transactions } from "../../../sources/postgres/transactions.ts";
import { TypeCatalog } from "../../../sources/postgres/type-catalog.ts";

const [int8, text, numeric] = [20, 25, 1700];
const names: Readonly<Record<number, string>> = { [int8]: "int8", [text]: "text", [numeric]: "numeric" };
/** Of a server that knows three types. */
const types = new TypeCatalog({
  rows: async (_: string, [oids]: string[][]) =>
    oids!.map((oid) => ({
      oid,
      e: JSON.stringify({ name: names[Number(oid)], isOwn: true, kind: "b", base: 0, baseModifier: -1, element: 0 }),
    })),
} as unknown as PostgresConnection);

const items: SourceTable = {
  table: "public.items",
  row: [
    { name: "id", type: "BIGINT", nullable: false },
    { name: "note", type: "VARCHAR", nullable: true },
    { name: "price", type: "DECIMAL(6,2)", nullable: true },
  ],
  key: ["id"],
};
const relation: Relation = {
  is: "relation",
  oid: 1,
  schema: "public",
  name: "items",
  identity: "d",
  columns: [
    { isKey: false, name: "price", type: numeric, modifier: -1 },
    { isKey: true, name: "id", type: int8, modifier: -1 },
    { isKey: false, name: "other", type: text, modifier: -1 },
    { isKey: false, name: "note", type: text, modifier: -1 },
  ],
};

const begin = (commitLsn: bigint): WalMessage => ({
  is: "begin",
  commitLsn,
  committedMicros: 5n,
  xid: Number(commitLsn),
});
const commit = (endLsn: bigint): WalMessage => ({ is: "commit", commitLsn: endLsn - 1n, endLsn, committedMicros: 5n });
const insert = (...after: (string | null)[]): WalMessage => ({ is: "insert", oid: 1, after });
const update = (before: Tuple | null, after: Tuple, beforeIs: "key" | "row" = "key"): WalMessage => ({
  is: "update",
  oid: 1,
  before,
  beforeIs,
  after,
});
const message = (prefix: string, transactional = true): WalMessage => ({
  is: "message",
  transactional,
  lsn: 77n,
  prefix,
  content: Buffer.from("content"),
});

const opened = (pieceBytes = 1_000, oidOf: (table: string) => number | undefined = () => 1) =>
  new Transactions({ source: "shop", tables: [items], types, oidOf, messages: ["mine"], pieceBytes });

async function taken(transactions: Transactions, messages: readonly WalMessage[]): Promise<SourceItem[]> {
  for (const each of messages) await transactions.take(each, 100);
  return transactions.drain();
}
const changesOf = (all: readonly SourceItem[]) => all.flatMap((item) => (item.is === "piece" ? item.changes : []));

describe("a transaction", () => {
  it("of changes of each kind", async () => {
    const all = await taken(opened(), [
      begin(10n),
      relation,
      insert("1.5", "1", "x", "new"),
      update(null, ["2", "1", "x", undefined]),
      update([null, "1", null, null], ["2", "7", "x", undefined]),
      { is: "delete", oid: 1, before: [null, "7", null, null], beforeIs: "key" },
      message("mine"),
      message("another's"),
      { is: "truncate", oids: [9, 1], cascade: false, restart: false },
      commit(11n),
    ]);
    const table = "public.items";
    expect(all).toEqual([
      {
        is: "piece",
        commitLsn: 10n,
        endLsn: 11n,
        xid: 10,
        committedMicros: 5n,
        number: 1,
        last: true,
        changes: [
          { table, n: 1, change: { op: "c", key: ["1"], after: ["1", '"new"', "1.50"] } },
          { table, n: 2, change: { op: "u", key: ["1"], after: ["1", undefined, "2.00"] } },
          { table, n: 3, change: { op: "d", key: ["1"], after: null } },
          { table, n: 3, change: { op: "c", key: ["7"], after: ["7", undefined, "2.00"], base: ["1"] } },
          { table, n: 4, change: { op: "d", key: ["7"], after: null } },
          { table, n: 7, change: "truncate" },
        ],
        messages: [{ n: 5, prefix: "mine", content: Buffer.from("content") }],
      },
    ]);
  });

  it("with the rows of before, where they are sent", async () => {
    const row: Tuple = ["1", "1", "x", "large"];
    const all = await taken(opened(), [
      begin(10n),
      relation,
      update(row, ["2", "1", "x", undefined], "row"),
      update(row, ["2", "7", "x", undefined], "row"),
      { is: "delete", oid: 1, before: row, beforeIs: "row" },
      commit(11n),
    ]);
    const before = ["1", '"large"', "1.00"];
    expect(changesOf(all)).toMatchObject([
      { change: { op: "u", key: ["1"], after: ["1", '"large"', "2.00"] }, before },
      { change: { op: "d", key: ["1"] }, before },
      { change: { op: "c", key: ["7"], after: ["7", '"large"', "2.00"] } },
      { change: { op: "d", key: ["1"] }, before },
    ]);
  });

  it("that is large comes in pieces", async () => {
    const rows = Array.from({ length: 25 }, (_, i) => insert("1", String(i), null, null));
    const all = (await taken(opened(), [begin(10n), relation, ...rows, commit(11n)])) as Piece[];
    expect(all.map(({ number, last, endLsn, changes }) => [number, last, endLsn, changes.length])).toEqual([
      [1, false, null, 10],
      [2, false, null, 10],
      [3, true, 11n, 5],
    ]);
    expect(changesOf(all).map(({ n }) => n)).toEqual(rows.map((_, i) => i + 1));
  });

  it("whose last piece is empty ends all the same", async () => {
    const rows = Array.from({ length: 10 }, (_, i) => insert("1", String(i), null, null));
    const all = (await taken(opened(), [begin(10n), relation, ...rows, commit(11n)])) as Piece[];
    expect(all.map(({ last, changes }) => [last, changes.length])).toEqual([
      [false, 10],
      [true, 0],
    ]);
  });

  it("of nothing that is wanted is a position", async () => {
    const other = { ...relation, oid: 2, name: "other" };
    const all = await taken(opened(), [
      begin(10n),
      other,
      { is: "insert", oid: 2, after: [] },
      message("no"),
      commit(11n),
    ]);
    expect(all).toEqual([{ is: "position", lsn: 11n }]);
  });

  it("of a key whose large value did not change", async () => {
    const all = await taken(opened(), [
      begin(10n),
      relation,
      update([null, "1", null, null], ["2", undefined, "x", "n"]),
      commit(11n),
    ]);
    expect(changesOf(all)).toMatchObject([{ change: { op: "u", key: ["1"], after: ["1", '"n"', "2.00"] } }]);
  });
});

it("a message alone is a piece", async () => {
  const all = await taken(opened(), [message("mine", false), message("no", false)]);
  expect(all).toMatchObject([{ is: "piece", commitLsn: 77n, endLsn: 77n, xid: 0, last: true, messages: [{ n: 1 }] }]);
});

describe("a table", () => {
  it("is stopped by a value that is refused, which is said after the transaction, until it is restarted", async () => {
    const transactions = opened();
    const first = await taken(transactions, [
      begin(10n),
      relation,
      insert("1", "1", null, null),
      insert("NaN", "2", null, null),
      insert("3", "3", null, null),
      commit(11n),
      begin(20n),
      insert("4", "4", null, null),
      commit(21n),
    ]);
    expect(first.map(({ is }) => is)).toEqual(["piece", "found", "position"]);
    expect(changesOf(first).map(({ change }) => change)).toMatchObject([{ key: ["1"] }]);
    expect(first[1]).toMatchObject({
      findings: [
        {
          kind: "value-refused",
          table: "public.items",
          meaning: expect.stringContaining("column price (numeric) has NaN or an infinity, which no decimal is"),
          mend: "user",
          todo: expect.stringContaining("VARCHAR"),
        },
      ],
    });
    transactions.restart("public.items", 30n);
    const later = await taken(transactions, [
      begin(29n),
      insert("1", "5", null, null),
      commit(30n),
      begin(30n),
      insert("1", "6", null, null),
      commit(31n),
    ]);
    expect(changesOf(later).map(({ change }) => change)).toMatchObject([{ key: ["6"] }]);
  });

  it("that goes by another name for a while is said once, and its changes of then are left out", async () => {
    const away = { ...relation, name: "aside" };
    const transactions = opened();
    const all = await taken(transactions, [
      begin(10n),
      away,
      insert("1", "1", null, null),
      commit(11n),
      begin(12n),
      away,
      commit(13n),
      begin(14n),
      relation,
      insert("1", "2", null, null),
      commit(15n),
      begin(16n),
      away,
      commit(17n),
    ]);
    expect(changesOf(all).map(({ change }) => change)).toMatchObject([{ key: ["2"] }]);
    const found = all.flatMap((item) => (item.is === "found" ? item.findings : []));
    const meaning = expect.stringContaining("public.items: it was called public.aside for a while");
    const finding = { kind: "table-recreated", table: "public.items", mend: "table", meaning };
    expect(found).toMatchObject([finding, finding]);
  });

  it("by whose name another goes for a while is said once", async () => {
    const other = { ...relation, oid: 2 };
    const messages = [begin(10n), other, commit(11n), begin(12n), other, relation, commit(13n)];
    const found = async (oid: number | undefined) =>
      (
        await taken(
          opened(1_000, () => oid),
          messages,
        )
      ).flatMap((item) => (item.is === "found" ? item.findings : []));
    expect(await found(1)).toMatchObject([{ kind: "table-recreated", table: "public.items", mend: "table" }]);
    expect(await found(undefined)).toEqual([]);
  });

  it("whose columns changed is said, and goes on where they can be read", async () => {
    const columns = relation.columns.map((each) => (each.name === "price" ? { ...each, modifier: 262_150 } : each));
    const all = await taken(opened(), [
      begin(10n),
      relation,
      insert("1", "1", null, null),
      { ...relation, columns: [...relation.columns, { isKey: false, name: "more", type: text, modifier: -1 }] },
      insert("1", "2", null, null, "more"),
      { ...relation, columns },
      insert("1.00", "3", null, null),
      commit(11n),
    ]);
    expect(changesOf(all).map(({ change }) => change)).toMatchObject([{ key: ["1"] }, { key: ["2"] }, { key: ["3"] }]);
    expect(all.filter(({ is }) => is === "found")).toMatchObject([
      { findings: [{ kind: "table-changed", table: "public.items", mend: "table" }] },
    ]);
  });

  it("whose columns can't be read any more is stopped", async () => {
    const columns = relation.columns.map((each) => (each.name === "id" ? { ...each, type: text } : each));
    const all = await taken(opened(), [
      begin(10n),
      { ...relation, columns },
      insert("1", "1", null, null),
      commit(11n),
    ]);
    expect(all).toMatchObject([{ is: "position" }, { is: "found", findings: [{ kind: "table-unfit" }] }]);
  });
});
