import { describe, expect, type TestContext, test } from "vitest";
import { start } from "./process.ts";

const fixture = (context: TestContext, args: readonly string[], env: Record<string, string> = {}) =>
  start(context, "test/cli/fixture.ts", args, env);

describe.concurrent("work that ends", () => {
  test("with data on standard output, the log as JSON lines on standard error", async (context) => {
    const { code, out, err } = await fixture(context, ["done"]).ended;
    expect([code, out]).toEqual([0, "data\n"]);
    expect(JSON.parse(err)).toMatchObject({ level: 30, msg: "talk", events: "3" });
  });

  test("by finding a difference", async (context) => {
    expect(await fixture(context, ["differs"]).ended).toEqual({ code: 1, out: "", err: "" });
  });

  test("with a known error: its line, its exit code", async (context) => {
    expect(await fixture(context, ["known"]).ended).toEqual({
      code: 2,
      out: "",
      err: "error: no view is named x; name one of a, b [VIEW_UNKNOWN]\n",
    });
  });

  test("with a known error, --json", async (context) => {
    const { code, err } = await fixture(context, ["known", "--json"]).ended;
    expect(code).toBe(2);
    expect(JSON.parse(err)).toEqual({
      code: "VIEW_UNKNOWN",
      message: "no view is named x",
      todo: "name one of a, b",
      facts: { view: "x", offset: "1152921504606846976" },
    });
  });

  test("with a bug: one line, exit 1", async (context) => {
    expect(await fixture(context, ["bug"]).ended).toEqual({
      code: 1,
      out: "",
      err: "error: first line second line; LOG_LEVEL=debug shows where it comes from [INTERNAL]\n",
    });
  });

  test("with a bug in the compiler: where, and to report it", async (context) => {
    const { code, err } = await fixture(context, ["compiler"]).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^error: views\/v\.sql: .*\(reading 'k0' of undefined\); report it .*\[INTERNAL\]\n$/);
    const debug = await fixture(context, ["compiler"], { LOG_LEVEL: "debug" }).ended;
    expect(debug.err).toContain("caused by TypeError: reading 'k0' of undefined\n    at ");
  });

  test("with a bug, LOG_LEVEL=debug: the stack below", async (context) => {
    const { err } = await fixture(context, ["bug"], { LOG_LEVEL: "debug" }).ended;
    expect(err).toMatch(/^error: first line second line; .*\nTypeError: first line\nsecond line\n {4}at /);
  });

  test("with an unhandled rejection", async (context) => {
    const { code, err } = await fixture(context, ["loose"]).ended;
    expect(code).toBe(1);
    expect(err).toContain("error: unhandled here; ");
  });

  test("because its reader has closed the pipe: quietly", async (context) => {
    const { child, ended } = fixture(context, ["floods"]);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { code, err } = await ended;
    expect([code, err]).toEqual([0, ""]);
  });
});

describe.concurrent("a signal", () => {
  test.for([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("%s ends clean work with %i", async ([signal, expected], context) => {
    const { child, ended, said } = fixture(context, ["clean"]);
    await said("ready");
    child.kill(signal);
    expect(await ended).toEqual({ code: expected, out: "", err: "ready\nclosed\n" });
  });

  test("interrupts work without an error", async (context) => {
    const { child, ended, said } = fixture(context, ["brokenOff"]);
    await said("ready");
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 143, out: "", err: "ready\n" });
  });

  test("does not hide a shutdown that fails", async (context) => {
    const { child, ended, said } = fixture(context, ["failsClosing"]);
    await said("ready");
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 1, out: "", err: "ready\nerror: cannot close [STORE_CORRUPT]\n" });
  });

  test("given twice ends the process at once", async (context) => {
    const { child, ended, said } = fixture(context, ["hangs"]);
    await said("ready");
    child.kill("SIGTERM");
    await said("closing");
    const since = performance.now();
    child.kill("SIGINT");
    expect((await ended).code).toBe(130);
    expect(performance.now() - since).toBeLessThan(3000);
  });

  test("given once ends the process within seconds, however long the shutdown", async (context) => {
    const { child, ended, said } = fixture(context, ["hangs"]);
    await said("ready");
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
  });
});
