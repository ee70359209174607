/** A replication slot: how it is created, with the snapshot that its changes continue, and dropped. */

import { TidemarkError } from "../../shared/errors.ts";
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import { lsnOf } from "./lsn.ts";
import { connectTo, type PostgresTarget } from "./target.ts";

export interface NewSlot {
  readonly name: string;
  /** Goes with its connection. */
  readonly isTemporary: boolean;
  /** A slot is created when all transactions that were open then have ended. */
  readonly waitMsMax: number;
  /** Each second of waiting: who is waited for. */
  readonly onWaiting?: (blockers: readonly Blocker[]) => void;
}

/** A transaction that a slot waits for. */
export interface Blocker {
  /** Null: it is prepared (two-phase commit), of no process. */
  readonly pid: number | null;
  /** Who, and by which program, as far as the role may know. */
  readonly who: string;
  /** Since it began; null: the role may not know. */
  readonly ageSeconds: number | null;
}

export interface CreatedSlot {
  /** Commits of before are in the snapshot, all others come from the slot. */
  readonly lsn: bigint;
  readonly snapshot: string;
  /** It holds the snapshot, until the next command. */
  readonly connection: PostgresConnection;
}

const blockersSql = `SELECT pid::text AS pid, concat_ws(' ', usename, application_name) AS who,
    extract(epoch FROM clock_timestamp() - xact_start)::text AS age
  FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
  UNION ALL SELECT NULL, 'prepared transaction ' || gid, extract(epoch FROM clock_timestamp() - prepared)::text
  FROM pg_prepared_xacts ORDER BY age DESC NULLS LAST`;

/** @throws SOURCE_SLOT where there is one of that name, or where it can't be created in time */
export async function createSlot(
  target: PostgresTarget,
  query: PostgresConnection,
  slot: NewSlot,
): Promise<CreatedSlot> {
  const connection = await connectTo(target, "replication");
  const temporary = slot.isTemporary ? "TEMPORARY " : "";
  const creating = connection.rows(
    `CREATE_REPLICATION_SLOT ${quoted(slot.name)} ${temporary}LOGICAL pgoutput EXPORT_SNAPSHOT`,
  );
  try {
    const [row] = await withWaiting(target.source, query, slot, creating, connection.pid);
    return { lsn: lsnOf(row!.consistent_point!), snapshot: row!.snapshot_name!, connection };
  } catch (error) {
    await connection.close();
    if ((error as TidemarkError).facts?.state !== "42710") throw error;
    const what = `source ${target.source}: there is a slot ${slot.name} already`;
    throw new TidemarkError("SOURCE_SLOT", what, "name another slot, or drop it");
  }
}

async function withWaiting<T>(
  source: string,
  query: PostgresConnection,
  slot: NewSlot,
  creating: Promise<T>,
  pid: number,
): Promise<T> {
  let isDone = false;
  const done = creating.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  const pollMs = 1_000;
  let blockers: Blocker[] = [];
  for (let waited = 0; !isDone; waited += pollMs) {
    if (waited >= slot.waitMsMax) {
      // else it would come to be after we have left
      await query.rows("SELECT pg_terminate_backend($1::int)", [pid]);
      await done.catch(() => {});
      const [first] = blockers;
      const age = first?.ageSeconds == null ? "" : `, ${Math.round(first.ageSeconds)} s old`;
      const who = first === undefined ? "" : `: of process ${first.pid ?? "none"} (${first.who})${age}`;
      const what = `source ${source}: slot ${slot.name} waits for transactions that are open${who}`;
      throw new TidemarkError("SOURCE_SLOT", what, "end the transaction (SELECT pg_terminate_backend(…))", {
        blockers,
      });
    }
    await Promise.race([done.catch(() => {}), new Promise((resolve) => setTimeout(resolve, pollMs))]);
    if (isDone) break;
    blockers = (await query.rows(blockersSql)).map((row) => ({
      pid: row.pid == null ? null : Number(row.pid),
      who: row.who ?? "",
      ageSeconds: row.age == null ? null : Number(row.age),
    }));
    slot.onWaiting?.(blockers);
  }
  return done;
}

/** Also where there is none. A process that reads it is ended. */
export async function dropSlot(query: PostgresConnection, name: string): Promise<void> {
  const ended = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
    WHERE slot_name = $1 AND active_pid IS NOT NULL`;
  const dropped = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1";
  for (let tries = 0; ; tries++) {
    await query.rows(ended, [name]);
    try {
      await query.rows(dropped, [name]);
      return;
    } catch (error) {
      // the process that reads it ends a little later
      if ((error as TidemarkError).code !== "SOURCE_SLOT" || tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
