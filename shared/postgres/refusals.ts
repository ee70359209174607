/** What the server, or the way to it, refuses, as errors of ours. The address with its password is in none of them. */
import { type ErrorCode, messageOf, TidemarkError } from "../errors.ts";

interface Failure {
  readonly code?: string;
}

/** By SQLSTATE, or its class. */
const known: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  "08": ["DATABASE_UNREACHABLE", "check that the server runs and is reached from here"],
  "53": ["DATABASE_UNREACHABLE", "the server lacks resources: see its log, max_connections and max_wal_senders"],
  "57": ["DATABASE_UNREACHABLE", "it is tried again"],
  "28": [
    "DATABASE_LOGIN",
    "check the role and its password, pg_hba.conf, and for a source that the role has REPLICATION",
  ],
  "3D": ["DATABASE_SETTING", "check the database's name"],
  "42501": ["DATABASE_FORBIDDEN", "give the role the right that it lacks"],
  "55006": ["SOURCE_SLOT", "another process reads this slot: stop it, or wait until wal_sender_timeout ends it"],
};

/** @param of whose database it is, e.g. "source shop". @param what was attempted */
export function serverRefusal(of: string, what: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const state = (error as Failure | null)?.code ?? "";
  const isServers = /^[0-9A-Z]{5}$/.test(state);
  const [code, todo] = isServers
    ? (known[state] ?? known[state.slice(0, 2)] ?? (["DATABASE_FAILED", "see the server's log"] as const))
    : (["DATABASE_UNREACHABLE", "check that the server runs and is reached from here"] as const);
  // what the network says names the address
  const why = isServers ? messageOf(error) : state || plain(messageOf(error));
  return new TidemarkError(code, `${of}: ${what}: ${why}`, todo, state === "" ? {} : { state });
}

/** Of the client's own messages, what has no address in it. */
function plain(message: string): string {
  if (/timeout/i.test(message)) return "no answer in time";
  if (/terminated|ended|closed|not queryable/i.test(message)) return "the connection ended";
  if (/SSL|TLS|certificate/i.test(message)) return "no secure connection";
  return /password|SASL|SCRAM/i.test(message) ? "the password was not accepted" : "the connection failed";
}
