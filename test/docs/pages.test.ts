/** What the pages for strangers say of the code, held to it: the data folder, the decisions, links. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";
import { headFormat, layout, manifestFormat, manifestFormatsBefore } from "../../shared/store/layout.ts";

const root = join(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(join(root, name), "utf8");
const format = read("docs/format.md");
const decisions = readdirSync(join(root, "docs/decisions")).sort();

/** Names of an interface's fields, as its source has them. */
function fieldsOf(source: string, name: string): string[] {
  const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, "m").exec(source)?.[1];
  return [...(body ?? "").matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field!);
}

it("docs/format.md states the formats' numbers", () => {
  const row = (what: string) => format.split("\n").find((line) => line.startsWith(`| ${what} |`));
  const read = [...manifestFormatsBefore, manifestFormat].join(" and ");
  expect(row("manifest of a version")).toContain(`| ${manifestFormat} | ${read};`);
  expect(row("HEAD")).toContain(`| ${headFormat} |`);
});

it("docs/format.md names every folder of the store", () => {
  const make = (name: string | ((...args: never[]) => string)) =>
    typeof name === "string" ? name : (name as (...args: unknown[]) => string)(...[1, 2, 3, 4, 5]);
  const names = Object.values(layout).filter((each) => each !== layout.format);
  const folders = new Set(names.map((each) => make(each).split("/")[0]!));
  expect([...folders].filter((folder) => !format.includes(`| \`${folder}/\` |`))).toEqual([]);
});

it.each([
  ["shared/store/layout.ts", ["OriginFile", "Segment", "VersionManifest", "ViewFile", "Proof", "Head", "Entry"]],
  ["shared/store/incidents.ts", ["Incident", "Trouble"]],
  ["shared/store/rejections.ts", ["Rejection"]],
  ["shared/duplicates/log-time.ts", ["Clock"]],
  ["shared/duplicates/partition.ts", ["CarriedRequests"]],
  ["shared/definition.ts", ["StreamDefinition", "ReferenceTable", "ViewDefinition", "ViewSource", "Definition"]],
  ["shared/http/caller.ts", ["ApiKey"]],
])("docs/format.md names every field of %s", (file, names) => {
  const source = read(file);
  const words = new Set([...format.matchAll(/`[^`]+`/g)].flatMap(([code]) => code.match(/\w+/g) ?? []));
  for (const name of names) {
    const fields = fieldsOf(source, name);
    expect(fields.length, name).toBeGreaterThan(1);
    expect(fields.filter((field) => !words.has(field)).map((field) => `${name}.${field}`)).toEqual([]);
  }
});

it("ARCHITECTURE.md lists every decision once, by its title", () => {
  const listed = [
    ...read("ARCHITECTURE.md").matchAll(/^- \[(\d{3})\]\(docs\/decisions\/(\S+)\) ([\s\S]*?)(?=\n- |\n\n)/gm),
  ];
  const found = listed.map(([, number, file, title]) => [file!, `# ${number}. ${title!.replace(/\s+/g, " ")}`]);
  const titles = decisions.map((file) => [file, read(`docs/decisions/${file}`).split("\n")[0]!]);
  expect(found.sort()).toEqual(titles);
  const numbers = decisions.map((_, i) => String(i + 1).padStart(3, "0"));
  expect(decisions.map((file) => file.slice(0, 3))).toEqual(numbers);
});

it.each(decisions)("docs/decisions/%s says what, why and what it costs", (file) => {
  const headings = [...read(`docs/decisions/${file}`).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings.slice(0, 3)).toEqual(["What", "Why", "What it costs"]);
  expect(["", "What else was considered"]).toContain(headings.slice(3).join());
});

it("links between pages lead somewhere", () => {
  const pages = [
    ...readdirSync(root).filter((name) => name.endsWith(".md")),
    ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ];
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, to]) => relative(root, join(root, dirname(page), to!)))
      .filter((to) => !/^https?:/.test(to) && !existsSync(join(root, to)))
      .map((to) => `${page}: ${to}`),
  );
  expect(broken).toEqual([]);
});
