import { messageOf } from "../errors.ts";

/**
 * True where the SQL itself failed, on its own or on the events; false where the machine did (memory, disk), which says
 * nothing of it.
 */
export function isOfSql(error: unknown): boolean {
  const kind = /^([A-Za-z ]+) Error:/.exec(messageOf(error))?.[1];
  // what is not DuckDB's own (a file system that is full, an error of ours) is never the SQL's
  return (
    kind !== undefined && !/^(Out of Memory|IO|FATAL|INTERNAL|INTERRUPT|Connection|TransactionContext)$/i.test(kind)
  );
}
