/** The project's own files, and what they import. */
import { readdirSync, readFileSync } from "node:fs";
import { rooms } from "./rules.ts";

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function read(path: string): Source {
  const text = readFileSync(path, "utf8");
  return { path, text, lines: text.split("\n") };
}

function filesIn(folder: string, ends: string): Source[] {
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return found.filter((name) => name.endsWith(ends)).map((name) => read(`${folder}/${name}`));
}

export const all = rooms.flatMap((room) => filesIn(room, ".ts"));
export const sources = all.filter(({ path }) => !path.startsWith("test/"));
export const prose = [
  ...readdirSync(".")
    .filter((name) => name.endsWith(".md"))
    .map(read),
  ...filesIn("docs", ".md"),
];

/** What is imported, and whether its types alone. */
export function importsOf({ text }: Source): { from: string; typesOnly: boolean }[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?([^"';]*?)\s*from "([^"]+)";/gm);
  const calls = text.matchAll(/(?:await import|createRequire\(import\.meta\.url\))\("([^"]+)"\)/g);
  const called = [...calls].map(([, from]) => ({ from: from!, typesOnly: false }));
  const stated = [...statements].map(([, type, names, from]) => {
    const [whole = "", single = ""] = names!.split(/[{}]/);
    const values = single.split(",").filter((name) => name.trim() !== "" && !/^\s*type\s/.test(name));
    return { from: from!, typesOnly: type !== undefined || (whole.trim() === "" && values.length === 0) };
  });
  return [...stated, ...called];
}
