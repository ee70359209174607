import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, type TestContext, test } from "vitest";
import { loadProject } from "../../shared/project/load.ts";
import { start } from "./process.ts";

const cli = (context: TestContext, args: readonly string[], env: Record<string, string> = {}) =>
  start(context, "cli/main.ts", args, env).ended;

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-cli-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe.concurrent("the command line", () => {
  test("wrong usage is one line and exit 2", async (context) => {
    expect(await cli(context, ["statu"])).toEqual({
      code: 2,
      out: "",
      err: "error: unknown command 'statu'; did you mean status? [USAGE]\n",
    });
  });

  test("wrong usage is JSON with --json", async (context) => {
    const { code, err } = await cli(context, ["--json", "nope"]);
    expect(code).toBe(2);
    expect(JSON.parse(err)).toEqual({
      code: "USAGE",
      message: "unknown command 'nope'",
      todo: "see tidemark --help",
      facts: {},
    });
  });

  test("without a verb it is the help, exit 2", async (context) => {
    const { code, out, err } = await cli(context, []);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("Usage: tidemark");
  });

  test("a bad LOG_LEVEL is an error", async (context) => {
    const { code, err } = await cli(context, ["init", join(tmpdir(), "never-made")], { LOG_LEVEL: "loud" });
    expect([code, err]).toEqual([
      2,
      'error: environment LOG_LEVEL: "loud" is not a level; use one of trace, debug, info, warn, error, fatal, silent [CONFIG_INVALID]\n',
    ]);
  });

  test("help and version go to standard output, exit 0", async (context) => {
    const version = JSON.parse(readFileSync("package.json", "utf8")).version;
    expect(await cli(context, ["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
    const help = await cli(context, ["load", "--help"]);
    expect([help.code, help.err]).toEqual([0, ""]);
    expect(help.out).toContain("Usage: tidemark load [options] <stream> <files...>");
    expect(help.out).toContain("--project <dir>");
  });
});

describe("init", () => {
  test("writes a project that loads, and says what comes next", async (context) => {
    const dir = join(temporaryFolder(), "my shop");
    const { code, out, err } = await cli(context, ["init", dir]);
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain(`  cd '${dir}'\n  tidemark dev`);
    const project = await loadProject({ dir, env: {} });
    expect(project.name).toBe("my shop");
    expect(project.views.map((view) => [view.name, view.description])).toEqual([
      ["hours", "Visits per hour, and how many of them came from another site."],
      ["pages", "Visits, distinct visitors and mean time to load, per page."],
    ]);
    const events = readFileSync(join(dir, "events/visits.ndjson"), "utf8").trimEnd().split("\n");
    expect(events.length).toBe(40);
    const names = project.streams[0]?.fields.map((field) => field.name);
    for (const event of events) expect(names).toEqual(expect.arrayContaining(Object.keys(JSON.parse(event))));
    expect(readFileSync(join(dir, ".gitignore"), "utf8")).toBe(".tidemark/\n");
  });

  test("never overwrites, and adds to a .gitignore", async (context) => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, ".gitignore"), "node_modules");
    expect((await cli(context, ["init", "--project", dir, "--json"])).code).toBe(0);
    expect(readFileSync(join(dir, ".gitignore"), "utf8")).toBe("node_modules\n.tidemark/\n");
    writeFileSync(join(dir, "tidemark.config.ts"), "mine");
    expect(await cli(context, ["init", dir])).toEqual({
      code: 2,
      out: "",
      err: `error: ${dir}/tidemark.config.ts exists already; choose another folder: tidemark init DIR [USAGE]\n`,
    });
    expect(readFileSync(join(dir, "tidemark.config.ts"), "utf8")).toBe("mine");
  });
});
