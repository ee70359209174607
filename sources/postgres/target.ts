import { type DatabaseAddress, PostgresConnection } from "../../shared/postgres/connection.ts";

/** Where a source's database is. */
export interface PostgresTarget {
  /** The source's name, for messages. */
  readonly source: string;
  /** postgres://…, with the password: never shown. */
  readonly url: string;
}

/** @throws DATABASE_UNREACHABLE, DATABASE_LOGIN, DATABASE_SETTING */
export function connectTo(
  { source, url }: PostgresTarget,
  kind: "query" | "replication" = "query",
): Promise<PostgresConnection> {
  return PostgresConnection.open({ role: "source", name: source, url } satisfies DatabaseAddress, kind);
}
