/** The house's rules as a test: arrows between rooms, doors to libraries, lengths, clocks, error codes and words. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import {
  arrows,
  clocks,
  columnsMax,
  doors,
  largeFunctions,
  limits,
  longLines,
  onlyIn,
  rooms,
  sameNames,
  words,
  wordsLeft,
} from "./rules.ts";
import { all, importsOf, prose, sources } from "./sources.ts";

const counted = (found: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const each of found) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
};

/** As many as are known of, in each place: one more is a fault, and one less has to be said. */
function expectKnown(found: Readonly<Record<string, number>>, known: Readonly<Record<string, number>>, rule: string) {
  const places = [...new Set([...Object.keys(found), ...Object.keys(known)])].sort();
  const wrong = places.flatMap((place) => {
    const [now, before] = [found[place] ?? 0, known[place] ?? 0];
    if (now > before) return [`${place}: ${now} instead of ${before}: ${rule}`];
    return now < before ? [`${place}: ${now} are left of ${before}: lower it in test/tidy/rules.ts`] : [];
  });
  expect(wrong).toEqual([]);
}

describe("tidy", () => {
  it("rooms import what they may, and all of it", () => {
    const folders = Object.keys(arrows).sort((a, b) => b.length - a.length);
    const isIn = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
    const roomOf = (path: string) => folders.find((folder) => isIn(path, folder));
    const top = (folder: string) => folder.split("/")[0]!;
    const used = new Set<string>();
    const wrong = sources.flatMap((source) => {
      const own = roomOf(source.path)!;
      return importsOf(source).flatMap(({ from }) => {
        if (!from.startsWith(".")) return [];
        const to = roomOf(normalize(join(dirname(source.path), from))) ?? from;
        const inside = top(own) === top(to);
        const may = (folder: string) => (inside ? to === folder : isIn(to, folder));
        const arrow = arrows[own]!.find(may);
        if (arrow) used.add(`${own} → ${arrow}`);
        return to === own || arrow ? [] : [`${source.path} imports ${from}`];
      });
    });
    expect(wrong).toEqual([]);
    const idle = Object.entries(arrows).flatMap(([own, all]) => all.map((arrow) => `${own} → ${arrow}`));
    expect(idle.filter((arrow) => !used.has(arrow))).toEqual([]);
  });

  it("arrows go in no circle", () => {
    const open = (from: string, path: readonly string[]): string[] => {
      if (path.includes(from)) return [[...path, from].join(" → ")];
      return arrows[from]!.flatMap((to) => open(to, [...path, from]));
    };
    expect(Object.keys(arrows).flatMap((folder) => open(folder, []))).toEqual([]);
  });

  it("libraries are imported by their doors", () => {
    const through = (path: string, door: string) => path === door || path.startsWith(`${door}/`);
    const used = new Set<string>();
    const wrong = sources
      .filter(({ path }) => !/^(bench|demo)\//.test(path))
      .flatMap((source) => {
        return importsOf(source).flatMap(({ from, typesOnly }) => {
          const library = Object.keys(doors).find((name) => from === name || from.startsWith(`${name}/`));
          if (!library || typesOnly) return [];
          const door = doors[library]!.find((each) => through(source.path, each));
          if (door) used.add(`${library} ${door}`);
          return door ? [] : [`${source.path} imports ${from}: ${doors[library]!.join(", ")} may`];
        });
      });
    expect(wrong).toEqual([]);
    const idle = Object.entries(doors).flatMap(([library, all]) => all.map((door) => `${library} ${door}`));
    expect(idle.filter((door) => !used.has(door))).toEqual([]);
  });

  it("who says that it is the only door is it", () => {
    const wrong = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:only|one) door to ([\w@/-]+)/gi)].flatMap(([says, what]) => {
        const library = Object.keys(doors).find((name) => name.includes(what!.toLowerCase()));
        return library && String(doors[library]) === path ? [] : [`${path} says "${says}"`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it.each(onlyIn)("$what is said in its places alone", ({ what, places, instead }) => {
    const own = (path: string) => places.some((place) => path === place || path.startsWith(`${place}/`));
    const wrong = sources.filter(({ path, text }) => what.test(text) && !own(path));
    expect(wrong.map(({ path }) => `${path}: ${instead}`)).toEqual([]);
  });

  it("lines are short enough", () => {
    const isLong = (line: string) => line.length > columnsMax && !/^\s*\||https?:\/\/\S{60}/.test(line);
    const found = [...all, ...prose].flatMap(({ path, lines }) => {
      const place = path.endsWith(".md") ? path : path.split("/")[0]!;
      return lines.filter(isLong).map(() => place);
    });
    expectKnown(counted(found), longLines, `${columnsMax} columns at most`);
  });

  it("functions are short, and take few parameters", () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-tidy-"));
    try {
      const complexity = {
        noExcessiveLinesPerFunction: {
          level: "error",
          options: { maxLines: limits.linesPerFunction, skipBlankLines: true },
        },
        useMaxParams: { level: "error", options: { max: limits.parameters } },
      };
      const linter = { enabled: true, rules: { preset: "none", complexity } };
      writeFileSync(join(folder, "biome.json"), JSON.stringify({ root: true, linter }));
      const given = rooms.filter((room) => room !== "test");
      const lint = ["biome", "lint", `--config-path=${folder}`, "--max-diagnostics=1000", "--reporter=json", ...given];
      const { stdout } = spawnSync("npx", ["--no", ...lint], { encoding: "utf8", maxBuffer: 64 << 20 });
      const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
      const found = report.diagnostics.filter(({ category }) => category.startsWith("lint/complexity/"));
      const rule = `${limits.linesPerFunction} lines and ${limits.parameters} parameters at most`;
      expectKnown(counted(found.map(({ location }) => location.path)), largeFunctions, rule);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("clocks and randomness are given", () => {
    const asked = /\b(performance\.now|Date\.now|Math\.random|randomBytes|randomUUID)\(|new Date\(\)/g;
    const rule = "take it as a parameter";
    const own = sources.filter(({ path }) => !/^(bench|demo|serving\/dashboard|serving\/client)\//.test(path));
    const found = own.flatMap(({ path, text }) => [...text.matchAll(asked)].map(() => path));
    expectKnown(counted(found), clocks, rule);
  });

  it("every error code is used", () => {
    const errors = sources.find(({ path }) => path === "shared/errors.ts")!;
    const codes = [...errors.text.matchAll(/^ {2}([A-Z]+(?:_[A-Z]+)*): [12],$/gm)].map(([, code]) => code!);
    expect(codes.length).toBeGreaterThan(20);
    const others = sources.filter((source) => source !== errors);
    expect(codes.filter((code) => !others.some(({ text }) => text.includes(`"${code}"`)))).toEqual([]);
  });

  it("an exported name means one thing", () => {
    const own = sources.filter(({ path }) => !/^(bench|demo|cli\/verbs)\//.test(path));
    const names = own.flatMap(({ text }) => {
      const found = text.matchAll(/^export (?:async )?(?:class|const|function|interface|type) (\w+)/gm);
      return [...new Set([...found].map(([, name]) => name!))];
    });
    const several = Object.entries(counted(names)).filter(([, files]) => files > 1);
    expectKnown(Object.fromEntries(several), sameNames, "call one of them something else");
  });

  it.each(words)("words: $name", ({ name, word, instead }) => {
    const lines = sources.flatMap(({ path, lines }) => {
      return lines.flatMap((line, i) => (word.test(line) ? [{ path, at: `${path}:${i + 1}` }] : []));
    });
    const found = counted(lines.map(({ path }) => `${path.split("/")[0]}/${name}`));
    const known = Object.entries(wordsLeft).filter(([place]) => place.endsWith(`/${name}`));
    const first = lines.slice(0, 5).map(({ at }) => at);
    expectKnown(found, Object.fromEntries(known), `write ${instead} (${first.join(", ")} …)`);
  });
});
