import { expect, test } from "vitest";
import { parseCommand } from "../../cli/command-line.ts";
import { plainCsv } from "../../cli/input/csv-options.ts";
import { plainInput } from "../../cli/input/input.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { TidemarkError } from "../../shared/errors.ts";

/** [command line, the one line on standard error] */
const wrong: [string[], string][] = [
  [["statu"], "unknown command 'statu'; did you mean status?"],
  [["nothing-like-it"], "unknown command 'nothing-like-it'; see tidemark --help"],
  [["batch", "--onc"], "unknown option '--onc'; did you mean --once?"],
  [["status", "--porcelain"], "unknown option '--porcelain'; see tidemark --help"],
  [["query"], "missing required argument 'sql'; see tidemark --help"],
  [["load", "flights"], "missing required argument 'files'; see tidemark --help"],
  [["load", "s", "a", "--request-id", "dl:x"], "request ids that start with dl: are reserved; choose another"],
  [
    ["load", "s", "a", "--date-format", "%d.%m"],
    '"%d.%m" is not a date format: it lacks year, month or day; write one such as %d/%m/%Y or %Y-%m-%d %H:%M:%S',
  ],
  [
    ["load", "s", "a", "--encoding", "klingon"],
    "option '--encoding <name>' argument 'klingon' is invalid. Write one such as utf-8, utf-16le, windows-1252 or iso-8859-15; see tidemark --help",
  ],
  [["batch", "--incremental"], "--incremental needs --once; write: tidemark batch --once --incremental"],
  [
    ["query", "x", "--version", "1", "--position", "s@0:1"],
    "option '--version <n>' cannot be used with option '--position <position>'; see tidemark --help",
  ],
  [["query", "x", "--version", "one"], '"one" is not a version\'s number; list them with: tidemark versions'],
  [["versions", "3"], "too many arguments for 'versions'. Expected 0 arguments but got 1; see tidemark --help"],
  [
    ["speed", "--shard", "one"],
    "option '--shard <i>' argument 'one' is invalid. Write a shard's number, such as 0; see tidemark --help",
  ],
  [
    ["query", "SELECT 1", "--format", "xml"],
    "option '--format <format>' argument 'xml' is invalid. Allowed choices are table, json, ndjson, csv; see tidemark --help",
  ],
];

test.each(wrong)("tidemark %j is wrong usage", (args, line) => {
  const refused = expect(() => parseCommand(args));
  refused.toThrow(TidemarkError);
  refused.toThrow(expect.objectContaining({ code: "USAGE", line: `${line} [USAGE]` }));
});

const options = { project: ".", json: false };
const plainLoad = { rejects: null, acceptDead: false, check: false, values: false, input: plainInput };

/** [command line, what it means] */
const right: [string[], unknown][] = [
  [["init"], { verb: "init", args: { dir: "." }, options }],
  [["init", "shop"], { verb: "init", args: { dir: "shop" }, options }],
  [["dev", "--project", "p"], { verb: "dev", args: {}, options: { ...options, project: "p" } }],
  [
    ["--data", "d", "batch"],
    { verb: "batch", args: { once: false, incremental: false }, options: { ...options, data: "d" } },
  ],
  [["batch", "--once"], { verb: "batch", args: { once: true, incremental: false }, options }],
  [["speed"], { verb: "speed", args: { shard: null }, options }],
  [["speed", "--shard", "0"], { verb: "speed", args: { shard: 0 }, options }],
  [
    ["serve", "--host", "::", "--port", "0", "--brokers", "a:1,b:2"],
    { verb: "serve", args: {}, options: { ...options, host: "::", port: 0, brokers: ["a:1", "b:2"] } },
  ],
  [
    ["load", "s", "-", "b.csv"],
    { verb: "load", args: { stream: "s", files: ["-", "b.csv"], request: null, server: null, ...plainLoad }, options },
  ],
  [
    ["load", "s", "a.csv", "--request-id", "2026-11-27/a"],
    {
      verb: "load",
      args: { stream: "s", files: ["a.csv"], request: "2026-11-27/a", server: null, ...plainLoad },
      options,
    },
  ],
  [
    [
      "load",
      "s",
      "a.csv",
      "--rejects",
      "bad.ndjson",
      "--check",
      "--delimiter",
      "tab",
      "--quote",
      "",
      "--null",
      "",
      "--null",
      "NA",
    ],
    {
      verb: "load",
      args: {
        stream: "s",
        files: ["a.csv"],
        request: null,
        server: null,
        ...plainLoad,
        rejects: "bad.ndjson",
        check: true,
        input: { ...plainInput, csv: { ...plainCsv, delimiter: "\t", quote: null, nulls: ["", "NA"] } },
      },
      options,
    },
  ],
  [
    ["query", "SELECT 1"],
    { verb: "query", args: { sql: "SELECT 1", format: "table", version: null, position: null, server: null }, options },
  ],
  [
    ["query", "SELECT 1", "--json"],
    {
      verb: "query",
      args: { sql: "SELECT 1", format: "json", version: null, position: null, server: null },
      options: { ...options, json: true },
    },
  ],
  [
    ["query", "SELECT 1", "--json", "--format", "csv"],
    {
      verb: "query",
      args: { sql: "SELECT 1", format: "csv", version: null, position: null, server: null },
      options: { ...options, json: true },
    },
  ],
  [
    ["query", "SELECT 1", "--version", "3", "--project", "p"],
    {
      verb: "query",
      args: { sql: "SELECT 1", format: "table", version: 3, position: null, server: null },
      options: { ...options, project: "p" },
    },
  ],
  [
    ["query", "SELECT 1", "--position", "s@0:1"],
    {
      verb: "query",
      args: { sql: "SELECT 1", format: "table", version: null, position: "s@0:1", server: null },
      options,
    },
  ],
  [["batch", "--once", "--incremental"], { verb: "batch", args: { once: true, incremental: true }, options }],
  [["diff", "delay"], { verb: "diff", args: { view: "delay" }, options }],
  [
    ["rebuild", "delay", "--full-speed"],
    { verb: "rebuild", args: { views: ["delay"], fullSpeed: true, values: false }, options },
  ],
  [["status"], { verb: "status", args: { server: null }, options }],
  [["explain", "delay"], { verb: "explain", args: { view: "delay" }, options }],
  [["verify"], { verb: "verify", args: verifying({}), options }],
  [["verify", "a", "b"], { verb: "verify", args: verifying({ views: ["a", "b"] }), options }],
  [
    ["verify", "--consumer", "a", "--repair"],
    { verb: "verify", args: verifying({ consumer: "a", repair: true }), options },
  ],
  [["deliver"], { verb: "deliver", args: { does: "run" }, options }],
  [["deliver", "status"], { verb: "deliver", args: { does: "status" }, options }],
  [["versions"], { verb: "versions", args: {}, options }],
];

test.each(right)("tidemark %j is understood", (args, invocation) => {
  expect(parseCommand(args)).toEqual({ invocation });
});

function verifying(args: Partial<VerbArgs["verify"]>): VerbArgs["verify"] {
  return { views: [], files: false, values: false, consumer: null, repair: false, ...args };
}
