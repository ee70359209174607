/** What `load` appends, what it says, and what comes of it: what it calls good is never a dead letter. */
import { linkSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../../cli/command-line.ts";
import { createContext } from "../../cli/context.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { run } from "../../cli/verbs/load.ts";
import { configText, folder } from "../project/project-folder.ts";
import { recordsIn } from "./log-of.ts";

const config = {
  name: "p",
  streams: {
    s: { fields: { id: "BIGINT", name: "VARCHAR?", on: "DATE?" }, key: "name", partitions: 3 },
  },
};
const project = (files: Record<string, string> = {}) => folder({ "tidemark.config.js": configText(config), ...files });

/** Runs it in this process. */
async function load(dir: string, ...args: string[]) {
  const understood = parseCommand(["load", "s", ...args, "--project", dir]);
  if (!("invocation" in understood)) throw new Error("not understood");
  const said: string[] = [];
  let out = "";
  const context = {
    ...createContext(understood.invocation.options, {}, new AbortController().signal),
    progress: false,
    say: (line: string) => said.push(line.replaceAll(`${dir}/`, "")),
    out: async (text: string | Uint8Array) => {
      out += String(text);
    },
  };
  const code = await run(context, understood.invocation.args as VerbArgs["load"]);
  return { code, said, out };
}

const mixed = '{"id":1,"name":"a"}\nno\n\n{"id":2,"name":"b","on":"2024-02-30"}\n{"id":3}\n{"id":"4","name":"d"}\n';

describe("invalid rows", () => {
  it("are skipped, reported by line, written to --rejects, and make exit code 1", async () => {
    const dir = project({ "a.ndjson": mixed });
    const bad = join(dir, "bad.ndjson");
    const { code, said, out } = await load(dir, join(dir, "a.ndjson"), "--rejects", bad);
    expect([code, said]).toEqual([
      1,
      [
        "a.ndjson:2: invalid JSON",
        expect.stringMatching(/^a.ndjson:4: on: .* is not a DATE$/),
        expect.stringMatching(/^a.ndjson:6: id: .* is not a BIGINT$/),
        "2 events appended to s, 3 rejected",
      ],
    ]);
    expect(out).toMatch(/^s@/);
    const lines = readFileSync(bad, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines.map((line) => ({ ...line, file: "" }))).toEqual([
      { file: "", line: 2, reason: "invalid JSON" },
      { file: "", line: 4, reason: expect.stringMatching(/^on: /) },
      { file: "", line: 6, reason: expect.stringMatching(/^id: /) },
    ]);
    expect((await recordsIn(dir)).sort()).toEqual(['{"id":1,"name":"a"}', '{"id":3}']);
  });

  it("are not written over a loaded file, under any name", async () => {
    const dir = project({ "a.ndjson": mixed, "b.ndjson": '{"id":7}\n' });
    const [a, b, link, hard] = ["a.ndjson", "b.ndjson", "link", "hard"].map((name) => join(dir, name)) as [
      string,
      ...string[],
    ];
    symlinkSync(a, link!);
    linkSync(a, hard!);
    for (const name of [a, relative(process.cwd(), a), link!, hard!])
      await expect(load(dir, b!, a, "--rejects", name)).rejects.toMatchObject({
        code: "USAGE",
        message: `--rejects ${name} is one of the loaded files, and would be overwritten`,
      });
    expect(readFileSync(a, "utf8")).toBe(mixed);
    expect(await recordsIn(dir)).toEqual([]);
    // rejects of an earlier load are overwritten
    expect((await load(dir, a, "--rejects", b!)).code).toBe(1);
    expect(readFileSync(b!, "utf8")).toContain("invalid JSON");
  });

  it("are appended as dead letters with --accept-dead; nothing is with --check", async () => {
    const dir = project({ "a.ndjson": mixed, "b.csv": "id,name\n7,x,y\n8,z\n" });
    const files = [join(dir, "a.ndjson"), join(dir, "b.csv")];
    const checked = await load(dir, ...files, "--check", "--json");
    expect([checked.code, checked.said.at(-1), JSON.parse(checked.out)]).toEqual([
      1,
      "3 events would be appended to s, 4 rejected",
      { stream: "s", events: 3, rejected: 4, dead: 0, position: "" },
    ]);
    expect(await recordsIn(dir)).toEqual([]);
    expect((await load(dir, ...files, "--check", "--accept-dead")).code).toBe(0);
    const { code, said } = await load(dir, ...files, "--accept-dead");
    expect([code, said.at(-1)]).toEqual([0, "3 events appended to s, and 4 dead letters"]);
    expect((await recordsIn(dir)).sort()).toEqual(
      [
        '{"id":1,"name":"a"}',
        '{"id":3}',
        '{"id":8,"name":"z"}',
        "no",
        mixed.split("\n")[3]!,
        mixed.split("\n")[5]!,
        '"7,x,y"',
      ].sort(),
    );
  });

  it("are reported, at most ten, and how many more there are; --values writes their content", async () => {
    const dir = project({ "a.csv": `id\n${"x\n".repeat(25)}` });
    const { said } = await load(dir, join(dir, "a.csv"), "--check");
    expect(said).toHaveLength(12);
    expect(said.slice(-2)).toEqual([
      "and 15 more; --rejects FILE writes all of them",
      "0 events would be appended to s, 25 rejected",
    ]);
    const bad = join(dir, "bad");
    await load(dir, join(dir, "a.csv"), "--check", "--rejects", bad, "--values");
    expect(JSON.parse(readFileSync(bad, "utf8").split("\n")[24]!)).toMatchObject({ line: 26, value: '{"id":"x"}' });
  });

  it("have numbers all the same: corrected and sent again under the request id, every other row is the same record", async () => {
    const dir = project({ "a.ndjson": mixed });
    await load(dir, join(dir, "a.ndjson"), "--request-id", "r");
    await load(dir, join(dir, "a.ndjson"), "--request-id", "r", "--accept-dead");
    const ids = await recordsIn(dir, ({ id, partition, value }) => [value, `${partition}/${id?.sequence}`]);
    for (const value of new Set(ids.map(([value]) => value)))
      expect(new Set(ids.filter(([each]) => each === value).map(([, id]) => id)).size, value).toBe(1);
    expect(new Set(ids.map(([, id]) => id)).size).toBe(5);
  });
});

describe("a request id", () => {
  it("belongs to its files: a repeat appends nothing, and others are refused", async () => {
    const rows = Array.from({ length: 500 }, (_, id) => `{"id":${id}}`).join("\n");
    const dir = project({ "a.ndjson": rows, "b.ndjson": `${rows}\n{"id":501}`, "a.csv": "id\n1\n2\n" });
    const a = join(dir, "a.ndjson");
    expect((await load(dir, a, "--request-id", "r")).said).toEqual(["500 events appended to s"]);
    const before = await recordsIn(dir);
    expect((await load(dir, a, "--request-id", "r")).said).toEqual(["0 events appended to s, 500 already there"]);
    expect(await recordsIn(dir)).toEqual(before);
    for (const other of [["b.ndjson"], ["a.csv"], ["a.ndjson", "b.ndjson"]])
      await expect(load(dir, ...other.map((file) => join(dir, file)), "--request-id", "r")).rejects.toThrow(
        "other files",
      );
    expect(await recordsIn(dir)).toEqual(before);
    expect((await load(dir, join(dir, "b.ndjson"), "--request-id", "q")).said).toEqual(["501 events appended to s"]);
  });
});

describe("what is loaded", () => {
  it("may be any JSON: an array, gzipped or not, or objects over many lines", async () => {
    const { gzipSync } = await import("node:zlib");
    const dir = project({
      "pretty.json": '{\n  "id": 1,\n  "name": "a {[\\"\\n"\n}\n{"id":\n2}\n',
      "array.json": ' [{"id":3},\n{"id":4,\n"name":"]"}] ',
    });
    writeFileSync(join(dir, "array.json.gz"), gzipSync('[{"id":5},\n7,{"id":6}]'));
    const { said } = await load(dir, ...["pretty.json", "array.json", "array.json.gz"].map((file) => join(dir, file)));
    expect(said).toEqual(["array.json.gz:2: not a JSON object", "6 events appended to s, 1 rejected"]);
    expect((await recordsIn(dir)).map((each) => (JSON.parse(each) as { id: number }).id).sort()).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  it("has to be complete", async () => {
    const dir = project({ "a.json": '{\n"id": 1', "b.json": '[{"id":1}', "c.json": '[{"id":1],' });
    await expect(load(dir, join(dir, "a.json"))).rejects.toThrow("it ends inside of what begins in line 1");
    await expect(load(dir, join(dir, "b.json"))).rejects.toThrow("it ends inside of an array");
    await expect(load(dir, join(dir, "c.json"))).rejects.toThrow('line 1: a "]" closes nothing');
  });
});
