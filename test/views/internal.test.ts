/** A fault of the compiler's own, wherever in its steps, is INTERNAL, to be reported: never said to be the view's. */
import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { problemOf } from "../../shared/http/problem.ts";
import { World } from "../pipeline/world.ts";
import { openApi } from "../serving/api.ts";
import { type FailingSession, failingSession } from "../support/failing-session.ts";
import { stream } from "../support/view-case.ts";

const events = stream("events", { g: "VARCHAR", x: "BIGINT" });
const sql =
  "WITH own AS (SELECT g, x FROM events WHERE x > 0) " +
  "SELECT g, round(avg(x), 1) AS mean, quantile_cont(x, 0.5) AS middle FROM own GROUP BY g HAVING count(*) > 1";
const source = { name: "v", file: "views/v.sql", sql, description: "" };

let duck: Duck;
let session: Session;
let failing: FailingSession;
let compiler: Compiler;
beforeAll(async () => {
  duck = await Duck.open();
  session = await duck.session();
  failing = failingSession(session);
  compiler = await Compiler.open(failing.session, [events]);
});
afterAll(() => {
  session.close();
  duck.close();
});

async function faultAt(call: number, thrown: Error): Promise<TidemarkError> {
  failing.failAfter(call, thrown);
  const error: unknown = await compiler.compile(source).catch((caught: unknown) => caught);
  if (error instanceof TidemarkError) return error;
  throw new Error(`call ${call} did not fail it`, { cause: error });
}

const bug = new TypeError("Cannot read properties of undefined (reading 'k0')\n    LINE 1: SELECT p0");

describe("a fault inside the compiler", () => {
  it("is INTERNAL at every question that DuckDB is asked", async () => {
    const before = failing.calls;
    await compiler.compile(source);
    const calls = failing.calls - before;
    expect(calls).toBeGreaterThan(6);
    for (let call = 0; call < calls; call++) {
      for (const thrown of [bug, new Error("INTERNAL Error: Attempted to dereference")]) {
        const { code, exitCode } = await faultAt(call, thrown);
        expect([code, exitCode], `call ${call}`).toEqual(["INTERNAL", 1]);
      }
    }
  });

  it("says what, where, and to report it; without a stack or SQL of ours, which its cause has", async () => {
    const error = await faultAt(0, bug);
    expect(error.line).toBe(
      "views/v.sql: Tidemark fails at compiling this view, and the fault is not the view's " +
        "(Cannot read properties of undefined (reading 'k0')); " +
        "report it with the view's SQL and the definitions of what it reads; written in another way, it may work [INTERNAL]",
    );
    expect(error.facts).toEqual({ place: "views/v.sql" });
    expect((error.cause as Error).message).toContain("SELECT p0");
  });

  it("is no client's fault over HTTP", async () => {
    const error = await faultAt(0, bug);
    expect(problemOf(error)).toMatchObject({ status: 500, code: "INTERNAL" });
    const world = await World.open({ stream: events, views: { total: "SELECT count(*) AS n FROM events" } });
    const said: string[] = [];
    await world.firstVersion();
    const api = await openApi(world, { say: (line) => said.push(line) });
    try {
      vi.spyOn(api.pool, "take").mockRejectedValue(error);
      const answer = await api.app.inject({ method: "GET", url: "/v1/views/total" });
      expect([answer.statusCode, answer.json<object>()]).toEqual([500, expect.objectContaining({ code: "INTERNAL" })]);
      expect(answer.body).toContain("report it");
      expect(said.join()).toContain("Tidemark fails at compiling this view");
    } finally {
      await api.close();
      await world.close();
    }
  });
});

test("what an expression of the user's has no value of is the user's own", async () => {
  const refusal = compiler.compile({ ...source, sql: "SELECT sum(CAST('abc' AS INTEGER)) AS s FROM events" });
  await expect(refusal).rejects.toMatchObject({
    line: "views/v.sql:1:12: Could not convert string 'abc' to INT32; correct the view's SQL [VIEW_SYNTAX]",
  });
});
