import type { Session } from "../../shared/duckdb/duck.ts";

export interface FailingSession {
  readonly session: Session;
  /** Of the calls from here on, the one after this many throws. */
  failAfter(calls: number, thrown: Error): void;
  /** How many calls there were. */
  readonly calls: number;
}

/** A session that answers as the given one does, until it is made to fail. */
export function failingSession(own: Session): FailingSession {
  let calls = 0;
  let failing: { readonly at: number; readonly thrown: Error } | null = null;
  const session = new Proxy(own, {
    get: (_, name) => {
      const method: unknown = Reflect.get(own, name);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        const thrown = failing?.at === calls ? failing.thrown : null;
        calls++;
        if (thrown) throw thrown;
        return method.apply(own, args) as unknown;
      };
    },
  });
  return {
    session,
    failAfter: (more, thrown) => {
      failing = { at: calls + more, thrown };
    },
    get calls() {
      return calls;
    },
  };
}
