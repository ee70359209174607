/** What the server says of itself, the slot, the publications and the tables: one poll, as plain JSON. */
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { TypeCatalog } from "./type-catalog.ts";
import type { PgType } from "./types.ts";

/** Kept by the caller from one run to the next: what changed in between is a trap that the stream says nothing of. */
export interface Evidence {
  readonly server: ServerEvidence;
  /** Null: there is none of that name. */
  readonly slot: SlotEvidence | null;
  /** By name; null: there is none. */
  readonly publications: Readonly<Record<string, PublicationEvidence | null>>;
  /** By schema.name; null: there is none. */
  readonly tables: Readonly<Record<string, TableEvidence | null>>;
  /** Labels of the enums that there are, by their oids, with what changes where one is renamed, and renamed back. */
  readonly enums: Readonly<Record<string, string>>;
}

export interface ServerEvidence {
  /** Made by initdb; a copy of the server has the same one. */
  readonly system: string;
  /** Counted up by each promotion and recovery to a point in time. */
  readonly timeline: number;
  /** Up to where the WAL is flushed. */
  readonly endLsn: string;
  /** 150018 is 15.18. */
  readonly version: number;
  readonly walLevel: string;
  readonly inRecovery: boolean;
  readonly database: string;
  readonly encoding: string;
  /** max_slot_wal_keep_size in bytes; null: no limit. */
  readonly keptBytesMax: number | null;
}

export interface SlotEvidence {
  readonly plugin: string;
  readonly database: string;
  readonly confirmedLsn: string | null;
  /** Null where the WAL that it needs is gone. */
  readonly restartLsn: string | null;
  /** reserved, extended, unreserved, lost */
  readonly walStatus: string | null;
  readonly activePid: number | null;
  /** WAL that the server keeps for it. */
  readonly keptBytes: number | null;
  /** Until it is lost. */
  readonly safeBytes: number | null;
}

export interface PublicationEvidence {
  readonly oid: number;
  /** Another one after each ALTER PUBLICATION of its own settings. */
  readonly row: string;
  readonly inserts: boolean;
  readonly updates: boolean;
  readonly deletes: boolean;
  readonly truncates: boolean;
  readonly viaRoot: boolean;
}

export interface TableEvidence {
  readonly oid: number;
  /** r: a table; p: one with partitions; others can't be followed. */
  readonly kind: string;
  /** Files of the table, or of its partitions. Others after a rewrite. */
  readonly storage: string;
  /** How it is in the publications; null: its changes are not sent. */
  readonly published: string | null;
  /** Its partitions are in a publication, each for itself. */
  readonly isPublishedByLeaves: boolean;
  /** Which rows are sent, SQL. */
  readonly filter: string | null;
  /** Names of columns that are sent. */
  readonly sent: readonly string[];
  /** Replica identities of the table or its partitions: d, f, i, n. */
  readonly identities: readonly string[];
  /** Columns that an old row is identified by in the stream; null: none. */
  readonly identity: readonly string[] | null;
  /** Columns of each index that no two rows are alike in, none of them NULL. */
  readonly keys: readonly (readonly string[])[];
  readonly columns: readonly ColumnEvidence[];
}

export interface ColumnEvidence {
  readonly name: string;
  /** Never given to another column. */
  readonly number: number;
  readonly type: number;
  readonly is: PgType;
  readonly nullable: boolean;
  /** Not in the stream. */
  readonly generated: boolean;
}

export interface EvidenceOf {
  readonly slot: string;
  readonly publications: readonly string[];
  /** schema.name of each. */
  readonly tables: readonly string[];
}

const serverSql = `SELECT json_build_object(
  'system', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END,
  'endLsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
  'version', current_setting('server_version_num')::int,
  'walLevel', current_setting('wal_level'),
  'inRecovery', pg_is_in_recovery(),
  'database', current_database(),
  'encoding', current_setting('server_encoding'),
  'keptBytesMax', (SELECT nullif(setting::bigint, -1) * 1024 * 1024 FROM pg_settings
    WHERE name = 'max_slot_wal_keep_size'))::text AS e`;

const slotSql = `SELECT json_build_object(
  'plugin', plugin, 'database', database, 'confirmedLsn', confirmed_flush_lsn, 'restartLsn', restart_lsn,
  'walStatus', wal_status, 'activePid', active_pid, 'safeBytes', safe_wal_size,
  'keptBytes', pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
    ELSE pg_current_wal_lsn() END, restart_lsn)::bigint)::text AS e
  FROM pg_replication_slots WHERE slot_name = $1`;

const publicationsSql = `SELECT pubname, json_build_object(
  'oid', oid::bigint, 'row', xmin::text, 'inserts', pubinsert, 'updates', pubupdate, 'deletes', pubdelete,
  'truncates', pubtruncate, 'viaRoot', pubviaroot)::text AS e
  FROM pg_publication WHERE pubname = ANY ($1::name[])`;

const enumsSql = "SELECT oid::bigint, xmin || ' ' || enumlabel AS label FROM pg_enum";

/** @param version of the server: schemas are published from 15 on */
function tablesSql(version: number): string {
  const bySchema =
    version < 150_000
      ? ""
      : `UNION ALL SELECT p.pubname, pn.oid::text FROM pg_publication p JOIN pg_publication_namespace pn
         ON pn.pnpubid = p.oid WHERE pn.pnnspid = c.relnamespace`;
  return `SELECT t.name, json_build_object(
    'oid', c.oid::bigint, 'kind', c.relkind,
    'storage', CASE c.relkind WHEN 'p' THEN l.storage ELSE c.relfilenode::text END,
    'published', CASE WHEN sent.attnames IS NOT NULL THEN
      (SELECT string_agg(of.pubname || ':' || of.id, ',' ORDER BY of.pubname, of.id) FROM (
        SELECT p.pubname, 'all' AS id FROM pg_publication p WHERE p.puballtables
        UNION ALL SELECT p.pubname, pr.oid::text FROM pg_publication p JOIN pg_publication_rel pr
          ON pr.prpubid = p.oid WHERE pr.prrelid = c.oid OR pr.prrelid IN (SELECT pg_partition_ancestors(c.oid))
        ${bySchema}) AS of WHERE of.pubname = ANY ($2::name[])) END,
    'isPublishedByLeaves', c.relkind = 'p' AND sent.attnames IS NULL AND EXISTS (SELECT FROM pg_publication_tables pt
      JOIN pg_namespace ln ON ln.nspname = pt.schemaname
      JOIN pg_class lc ON lc.relnamespace = ln.oid AND lc.relname = pt.tablename
      WHERE pt.pubname = ANY ($2::name[]) AND lc.oid IN (SELECT relid FROM pg_partition_tree(c.oid))),
    'filter', sent.filter,
    'sent', coalesce(sent.attnames, '[]'),
    'identities', CASE c.relkind WHEN 'p' THEN coalesce(l.identities, json_build_array(c.relreplident))
      ELSE json_build_array(c.relreplident) END,
    'identity', (SELECT json_agg(a.attname ORDER BY a.attname) FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
      WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END),
    'keys', coalesce((SELECT json_agg(columns) FROM (
      SELECT json_agg(a.attname ORDER BY a.attname) AS columns FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
        AND i.indexprs IS NULL GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
      ORDER BY i.indisprimary DESC, i.indexrelid) AS unique_keys), '[]'),
    'columns', coalesce((SELECT json_agg(json_build_object('name', attname, 'number', attnum, 'type', atttypid::bigint,
      'modifier', atttypmod, 'written', format_type(atttypid, atttypmod), 'nullable', NOT attnotnull,
      'generated', attgenerated <> '') ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '[]'))::text AS e
    FROM json_to_recordset($1::json) AS t(name text, schema name, relation name)
    JOIN pg_namespace n ON n.nspname = t.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.relation
    LEFT JOIN LATERAL (SELECT string_agg(lc.oid || ':' || lc.relfilenode, ',' ORDER BY lc.oid) AS storage,
      json_agg(DISTINCT lc.relreplident) AS identities
      FROM pg_partition_tree(c.oid) pt JOIN pg_class lc ON lc.oid = pt.relid WHERE pt.isleaf) AS l ON true
    LEFT JOIN LATERAL (
      SELECT json_agg(DISTINCT attname) AS attnames, CASE WHEN bool_and(filter IS NOT NULL)
        THEN string_agg(DISTINCT '(' || filter || ')', ' OR ') END AS filter FROM (
        SELECT DISTINCT a.attname, to_jsonb(pt) ->> 'rowfilter' AS filter FROM pg_publication_tables pt
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          AND (to_jsonb(pt) -> 'attnames' IS NULL OR to_jsonb(pt) -> 'attnames' ? a.attname::text)
        WHERE pt.pubname = ANY ($2::name[]) AND pt.schemaname = n.nspname AND pt.tablename = c.relname) AS columns
      ) AS sent ON true`;
}

/** A column as it is read. */
type ColumnRow = Omit<ColumnEvidence, "is"> & { readonly modifier: number; readonly written: string };
type TableRow = Omit<TableEvidence, "columns"> & { readonly columns: readonly ColumnRow[] };

export async function readEvidence(query: PostgresConnection, types: TypeCatalog, of: EvidenceOf): Promise<Evidence> {
  const server = JSON.parse((await query.rows(serverSql))[0]!.e!) as ServerEvidence;
  const [slot] = await query.rows(slotSql, [of.slot]);
  const publications = await query.rows(publicationsSql, [of.publications]);
  const names = of.tables.map((name) => ({ name, ...splitName(name) }));
  const found = await query.rows(tablesSql(server.version), [JSON.stringify(names), of.publications]);
  const enums = await query.rows(enumsSql);
  const tables = new Map(found.map((row) => [row.name!, JSON.parse(row.e!) as TableRow]));
  await types.learn([...tables.values()].flatMap(({ columns }) => columns.map(({ type }) => type)));
  return {
    server,
    slot: slot === undefined ? null : (JSON.parse(slot.e!) as SlotEvidence),
    publications: Object.fromEntries(
      of.publications.map((name) => {
        const row = publications.find(({ pubname }) => pubname === name);
        return [name, row === undefined ? null : (JSON.parse(row.e!) as PublicationEvidence)];
      }),
    ),
    tables: Object.fromEntries(of.tables.map((name) => [name, tableOf(tables.get(name) ?? null, types)])),
    enums: Object.fromEntries(enums.map((row) => [row.oid!, row.label!])),
  };
}

function tableOf(row: TableRow | null, types: TypeCatalog): TableEvidence | null {
  if (row === null) return null;
  const columns = row.columns.map(({ modifier, written, ...column }) => ({
    ...column,
    is: types.of(column.type, modifier, written),
  }));
  return { ...row, columns };
}

/** "public.customers"; without a schema it is public's. */
function splitName(table: string): { schema: string; relation: string } {
  const point = table.indexOf(".");
  return point < 0
    ? { schema: "public", relation: table }
    : { schema: table.slice(0, point), relation: table.slice(point + 1) };
}

/** A table's name in SQL. */
export function sqlName(table: string): string {
  const { schema, relation } = splitName(table);
  return [schema, relation].map((name) => `"${name.replaceAll('"', '""')}"`).join(".");
}
