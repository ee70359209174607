/**
 * What the README says to run, run: its curl, its TypeScript and its Python, against a server over the demo's
 * project.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { outputOf, scratch, startBuilt, tidemark } from "../cli/tidemark.ts";
import { pythonBin } from "../support/python.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const project = ["--project", "demo/flights"];
const run = promisify(execFile);
const bin = pythonBin();

/** The block of this language that holds these words, with another address in place of the README's. */
function block(language: string, words: string, url: string): string {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, text]) => text!,
  );
  const found = blocks.find((text) => text.includes(words));
  expect(found, `README.md has no ${language} with ${words}`).toBeDefined();
  return found!.replaceAll("http://127.0.0.1:7070", url);
}

/** A server with a few flights; it ends with the test. */
async function serve(): Promise<string> {
  const data = join(scratch(), "data");
  const dev = startBuilt("cli/main.js", ["dev", ...project, "--data", data, "--port", "0"]);
  const [url] = await dev.wrote(/http:\/\/127\.0\.0\.1:\d+/);
  const flights = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({
      date: "2001-01-01 10:00:00",
      delay: i,
      distance: 100,
      origin: i % 4 ? "JFK" : "LAX",
      destination: "SFO",
    }),
  );
  const response = await fetch(`${url}/v1/streams/flights/events`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: flights.join("\n"),
  });
  const { position } = (await response.json()) as { position: string };
  await fetch(`${url}/v1/views`, { headers: { "tidemark-wait-for": position } });
  await fetch(`${url}/v1/views/total`, { headers: { "tidemark-wait-for": position } });
  return url;
}

describe("the README's", { timeout: 120_000 }, () => {
  it("curl", async () => {
    const url = await serve();
    const line = block("sh", "/v1/views/delays?origin=eq.JFK", url);
    const { stdout } = await run("sh", ["-c", line.replace("curl ", "curl -s ")]);
    expect(JSON.parse(stdout)).toMatchObject({ data: [{ origin: "JFK", flights: 15 }], meta: { view: "delays" } });
  });

  it("command line, of a server", async () => {
    const url = await serve();
    const sql = "SELECT origin, flights FROM delays ORDER BY flights";
    expect(await outputOf("query", sql, "--server", url, ...project)).toMatch(
      /origin\s+flights\n.*\nLAX\s+5\nJFK\s+15\n/,
    );
    expect(JSON.parse(await outputOf("query", sql, "--server", url, "--json", ...project))).toEqual([
      { origin: "LAX", flights: 5 },
      { origin: "JFK", flights: 15 },
    ]);
    expect(await outputOf("query", sql, "--server", url, "--format", "csv", ...project)).toBe(
      "origin,flights\r\nLAX,5\r\nJFK,15\r\n",
    );
    expect(await outputOf("status", "--server", url, ...project)).toMatch(
      /flights\s+4 .*\n\nversion 0, exact at flights@/,
    );
    const file = join(scratch(), "more.ndjson");
    const line = (origin: string) =>
      `{"date":"2001-01-02 10:00:00","delay":1,"distance":9,"origin":"${origin}","destination":"SFO"}\n`;
    writeFileSync(file, line("ORD").repeat(2500));
    const load = ["load", "flights", file, "--server", url, "--request-id", "more", ...project];
    const position = (await outputOf(...load)).trim();
    await outputOf(...load);
    await fetch(`${url}/v1/views`, { headers: { "tidemark-wait-for": position } });
    const counted = await fetch(`${url}/v1/views/delays?origin=eq.ORD`, { headers: { "tidemark-wait-for": position } });
    expect(await counted.json()).toMatchObject({ data: [{ origin: "ORD", flights: 2500 }] });
    writeFileSync(file, `${line("ORD")}{"origin":7}\n`);
    const half = await tidemark("load", "flights", file, "--server", url, ...project);
    expect([half.code, half.err]).toEqual([
      1,
      expect.stringMatching(/more.ndjson:2: date: .*\n1 events appended to flights, 1 rejected\n/),
    ]);
    const refused = await tidemark("query", "SELECT * FROM nothing", "--server", url, ...project);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(
        /^error: http:.* answers 403 QUERY_REFUSED: there is no view "nothing".* \[SERVER_REFUSED\]\n$/,
      ),
    ]);
    const away = await tidemark("status", "--server", "http://127.0.0.1:1", ...project);
    expect([away.code, away.err]).toEqual([
      1,
      expect.stringMatching(/^error: cannot reach http:\/\/127\.0\.0\.1:1: .*\[SERVER_UNREACHABLE\]\n$/),
    ]);
  });

  it("TypeScript, with types of the project's own", async () => {
    const url = await serve();
    const folder = scratch();
    mkdirSync(join(folder, "node_modules"));
    for (const name of ["typescript", "@types", "apache-arrow", "undici-types", "@typescript"])
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    symlinkSync(root, join(folder, "node_modules/tidemark"));
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "tidemark-types.ts"), await outputOf("types", ...project));
    const wrong =
      'void tidemark.view("delays").rows({ where: {\n  // @ts-expect-error: there is no such column\n  nowhere: 1,\n} });\n// @ts-expect-error: nor such a view\nvoid tidemark.view("nothing");\n';
    writeFileSync(join(folder, "example.ts"), block("ts", "tidemark/client", url));
    writeFileSync(join(folder, "wrong.ts"), `${block("ts", "tidemark/client", url)}${wrong}`);
    const options = {
      target: "es2023",
      module: "nodenext",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      types: ["node"],
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: ["example.ts", "wrong.ts"] }),
    );
    await run(process.execPath, [join(root, "node_modules/typescript/lib/tsc.js"), "-p", folder]).catch(
      (error: { stdout: string }) => expect(error.stdout).toBe(""),
    );
    const { stdout } = await run(
      process.execPath,
      [join(root, "node_modules/jiti/lib/jiti-cli.mjs"), join(folder, "example.ts")],
      { cwd: folder },
    );
    expect(stdout).toMatch(/^16 exact at flights@/);
    expect(stdout).toContain("{ origin: 'JFK', flights: 16 }");
    expect(stdout).toMatch(/reset \[\]\n\w+ read on from flights@\S+\n$/);
  });

  it.skipIf(!bin)("Python", async () => {
    const url = await serve();
    const { stdout } = await run(join(bin!, "python"), ["-c", block("python", "pyarrow", url)]);
    expect(stdout).toMatch(/^2 rows, exact at flights@/);
    expect(stdout).toContain("'origin': 'JFK', 'flights': 15");
  });
});
