/** A server's messages of each kind: what makes it send them, and how they are kept as data. */

import type { PostgresServer } from "../../../demo/postgres/server.ts";
import { lsnText } from "../../../sources/postgres/lsn.ts";
import { PgOutputDecoder, type RelationColumn, type Tuple } from "../../../sources/postgres/pgoutput.ts";
import { createSlot, dropSlot } from "../../../sources/postgres/slot.ts";
import { connectTo } from "../../../sources/postgres/target.ts";
import { kinds, WalStream, walHeaderBytes } from "../../../sources/postgres/wal-stream.ts";

const tables = `
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE TABLE by_key (id int PRIMARY KEY, mood mood, note text, amount numeric(8,2), large text);
  CREATE TABLE by_row (id int PRIMARY KEY, mood mood, note text, amount numeric(8,2), large text);
  ALTER TABLE by_key ALTER large SET STORAGE EXTERNAL;
  ALTER TABLE by_row ALTER large SET STORAGE EXTERNAL;
  ALTER TABLE by_row REPLICA IDENTITY FULL;
  CREATE PUBLICATION every FOR TABLE by_key, by_row`;

const changes = `
  BEGIN;
  INSERT INTO by_key VALUES (1, 'glad', 'plain', 1.5, repeat('large ', 500)), (2, NULL, 'ä漢🎈', -0.5, NULL);
  INSERT INTO by_row SELECT * FROM by_key;
  COMMIT;
  UPDATE by_key SET note = 'changed' WHERE id = 1;
  UPDATE by_key SET id = 3 WHERE id = 1;
  UPDATE by_row SET note = 'changed' WHERE id = 1;
  DELETE FROM by_key WHERE id = 2;
  DELETE FROM by_row WHERE id = 2;
  BEGIN;
  SELECT pg_logical_emit_message(true, 'inside', 'of a transaction');
  TRUNCATE by_key, by_row RESTART IDENTITY CASCADE;
  COMMIT;
  SELECT pg_logical_emit_message(false, 'alone', convert_to('ä', 'UTF8'));
  SELECT pg_replication_origin_create('elsewhere');
  SELECT pg_replication_origin_session_setup('elsewhere');
  BEGIN;
  SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2026-01-02 03:04:05+00');
  INSERT INTO by_key VALUES (4, 'sad', NULL, NULL, NULL);
  COMMIT;
  SELECT pg_logical_emit_message(false, 'the end', '')`;

/** Messages of pgoutput, in hex. */
export async function captureMessages(server: PostgresServer): Promise<string[]> {
  const target = { source: "shop", url: server.url };
  await server.sql(tables);
  const query = await connectTo(target);
  const { lsn, connection } = await createSlot(target, query, { name: "every", isTemporary: false, waitMsMax: 10_000 });
  await connection.close();
  await server.sql(changes);
  const wal = await WalStream.open(target, { slot: "every", publications: ["every"], from: lsn, now: Date.now });
  const messages: string[] = [];
  const isLast = () => Buffer.from(messages.at(-1) ?? "", "hex").includes("the end");
  while (!isLast()) {
    const { bytes, ends } = await wal.next();
    let start = 0;
    for (const end of ends) {
      if (bytes[start] === kinds.wal) messages.push(bytes.toString("hex", start + walHeaderBytes, end));
      start = end;
    }
  }
  await wal.close();
  await dropSlot(query, "every");
  await query.close();
  return messages;
}

/** A message without what is another time by time: LSNs, oids, transactions' numbers, times. */
export function shownMessages(messages: readonly string[]): string[] {
  const decoder = new PgOutputDecoder();
  const names = new Map<number, string>();
  const tuple = (values: Tuple) =>
    values
      .map((value) => (value === undefined ? "unsent" : (value?.replace(/(large )+/, "large") ?? "NULL")))
      .join(" ");
  return messages.map((hex) => {
    const bytes = Buffer.from(hex, "hex");
    const message = decoder.decode(bytes, 0, bytes.length);
    switch (message.is) {
      case "relation": {
        names.set(message.oid, message.name);
        const own = ({ isKey, name, type, modifier }: RelationColumn) =>
          `${isKey ? "*" : ""}${name}:${type >= 16_384 ? "own" : type}${modifier < 0 ? "" : `(${modifier})`}`;
        return `relation ${message.schema}.${message.name} ${message.identity} ${message.columns.map(own).join(" ")}`;
      }
      case "insert":
        return `insert ${names.get(message.oid)}: ${tuple(message.after)}`;
      case "update": {
        const before = message.before === null ? "" : `${message.beforeIs} ${tuple(message.before)} → `;
        return `update ${names.get(message.oid)}: ${before}${tuple(message.after)}`;
      }
      case "delete":
        return `delete ${names.get(message.oid)}: ${message.beforeIs} ${tuple(message.before)}`;
      case "truncate": {
        const flags = `${message.cascade ? " cascade" : ""}${message.restart ? " restart" : ""}`;
        return `truncate ${message.oids.map((oid) => names.get(oid)).join(" ")}${flags}`;
      }
      case "message":
        return `message ${message.transactional ? "of a transaction" : "alone"} ${message.prefix}: ${message.content}`;
      case "origin":
        return `origin ${message.name} ${lsnText(message.lsn)}`;
      case "type":
        return `type ${message.schema}.${message.name}`;
      default:
        return message.is;
    }
  });
}

const byKey = "relation public.by_key d *id:23 mood:own note:25 amount:1700(524294) large:25";
const byRow = "relation public.by_row f *id:23 *mood:own *note:25 *amount:1700(524294) *large:25";

export const expectedMessages: readonly string[] = [
  "begin",
  "type public.mood",
  byKey,
  "insert by_key: 1 glad plain 1.50 large",
  "insert by_key: 2 NULL ä漢🎈 -0.50 NULL",
  "type public.mood",
  byRow,
  "insert by_row: 1 glad plain 1.50 large",
  "insert by_row: 2 NULL ä漢🎈 -0.50 NULL",
  "commit",
  "begin",
  "update by_key: 1 glad changed 1.50 unsent",
  "commit",
  "begin",
  "update by_key: key 1 NULL NULL NULL NULL → 3 glad changed 1.50 unsent",
  "commit",
  "begin",
  "update by_row: row 1 glad plain 1.50 large → 1 glad changed 1.50 unsent",
  "commit",
  "begin",
  "delete by_key: key 2 NULL NULL NULL NULL",
  "commit",
  "begin",
  "delete by_row: row 2 NULL ä漢🎈 -0.50 NULL",
  "commit",
  "begin",
  "message of a transaction inside: of a transaction",
  "type public.mood",
  byKey,
  "type public.mood",
  byRow,
  "truncate by_key by_row cascade restart",
  "commit",
  "message alone alone: ä",
  "begin",
  "origin elsewhere 0/ABCDEF",
  "type public.mood",
  byKey,
  "insert by_key: 4 sad NULL NULL NULL",
  "commit",
  "message alone the end: ",
];
