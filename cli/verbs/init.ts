import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { TidemarkError } from "../../shared/errors.ts";
import type { Context } from "../context.ts";
import type { VerbArgs } from "../verb.ts";

/** Writes a small working project. Nothing that is there already is overwritten; a .gitignore gets a line more. */
export async function run(context: Context, args: VerbArgs["init"]): Promise<number> {
  const dir = resolve(args.dir);
  const files = projectFiles(basename(dir));
  refuseOverwriting(dir, Object.keys(files));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), text, { flag: "wx" });
  }
  const ignored = await ignoreData(join(dir, ".gitignore"));
  const written = [...Object.keys(files), ...(ignored ? [".gitignore"] : [])];
  if (context.json) await context.out(`${JSON.stringify({ dir, files: written })}\n`);
  for (const line of nextSteps(dir, written)) context.say(line);
  return 0;
}

function refuseOverwriting(dir: string, files: readonly string[]): void {
  const taken = [...files, "tidemark.config.js", "tidemark.config.mjs"].find((file) => existsSync(join(dir, file)));
  if (taken === undefined) return;
  throw new TidemarkError("USAGE", `${join(dir, taken)} exists already`, "choose another folder: tidemark init DIR");
}

/** True if the file had to be written. */
async function ignoreData(file: string): Promise<boolean> {
  const text = existsSync(file) ? await readFile(file, "utf8") : "";
  if (/^\/?\.tidemark\/?\s*$/m.test(text)) return false;
  await appendFile(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}.tidemark/\n`);
  return true;
}

function nextSteps(dir: string, written: readonly string[]): string[] {
  const way = relative(process.cwd(), dir);
  const folder = way.startsWith("..") ? dir : way;
  return [
    `Wrote ${written.join(", ")} in ${dir}.`,
    "Next:",
    ...(folder === "" ? [] : [`  cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`}`]),
    "  tidemark dev                                # every role in one process; leave it running",
    "  tidemark load visits events/visits.ndjson   # in another terminal",
    '  tidemark query "SELECT * FROM pages ORDER BY visits DESC"',
  ];
}

function projectFiles(name: string): Record<string, string> {
  return {
    "tidemark.config.ts": `import { defineConfig } from "tidemark";

export default defineConfig({
  name: ${JSON.stringify(name)},
  streams: {
    visits: {
      fields: { seen: "TIMESTAMP", page: "VARCHAR", visitor: "VARCHAR", ms: "BIGINT", referrer: "VARCHAR?" },
      key: "visitor",
      time: "seen",
      partitions: 2,
    },
  },
  batch: { schedule: "0 2 * * *", timezone: "UTC" },
});
`,
    "views/pages.sql": `-- Visits, distinct visitors and mean time to load, per page.
SELECT
  page,
  count(*) AS visits,
  count(DISTINCT visitor) AS visitors,
  median(ms) AS median_ms,
  round(avg(ms), 1) AS mean_ms,
  max(ms) AS slowest_ms,
  round(100.0 * count_if(ms > 200) / count(*), 1) AS slow_percent
FROM visits
GROUP BY page
`,
    "views/hours.sql": `-- Visits per hour, and how many of them came from another site.
SELECT
  date_trunc('hour', seen) AS hour,
  count(*) AS visits,
  count(referrer) AS referred
FROM visits
GROUP BY date_trunc('hour', seen)
`,
    "events/visits.ndjson": sampleEvents(),
  };
}

/** Forty visits, the same ones each time. */
function sampleEvents(): string {
  const pages = ["/", "/docs", "/pricing", "/blog", "/docs/views"];
  const start = Date.UTC(2026, 0, 5, 8);
  const events = Array.from({ length: 40 }, (_, i) => {
    const event = {
      seen: new Date(start + i * 437_000).toISOString().slice(0, 19).replace("T", " "),
      page: pages[(i * 7 + (i >> 2)) % pages.length],
      visitor: `v${(i * 5 + (i >> 3)) % 11}`,
      ms: 40 + ((i * 137) % 260),
    };
    return JSON.stringify(i % 3 === 0 ? { ...event, referrer: "https://example.org" } : event);
  });
  return `${events.join("\n")}\n`;
}
