import { afterAll, beforeAll } from "vitest";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";

/** A session for the tests around it. @returns it, once they run */
export function ownSession(): () => Session {
  let [duck, session]: [Duck | null, Session | null] = [null, null];
  beforeAll(async () => {
    duck = await Duck.open();
    session = await duck.session();
  });
  afterAll(() => {
    session?.close();
    duck?.close();
  });
  return () => session!;
}
