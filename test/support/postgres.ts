import { postgresLacking } from "../../demo/postgres/server.ts";

/**
 * True where tests that need a server are skipped, which is said; under CI they fail instead.
 *
 * @param tests what is not tested
 */
export function skipsPostgres(tests: string): boolean {
  const lacking = postgresLacking();
  if (lacking === null || process.env.CI === "true") return false;
  process.stderr.write(`SKIPPED, not tested here: ${tests}: ${lacking}\n`);
  return true;
}
