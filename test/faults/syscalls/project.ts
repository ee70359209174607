import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Records of a load; every seventh is invalid. */
export const perLoad = 40;

/** One stream with a duplicate window, two views, and files of events. */
export class Project {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(join(dir, "project", "views"), { recursive: true });
    writeFileSync(
      join(dir, "project", "tidemark.config.mjs"),
      `export default { name: "calls", streams: { events: { fields: { e: "VARCHAR", g: "VARCHAR", x: "BIGINT" }, id: "e", dedup: "1 hour", key: "e", partitions: 2 } }, speed: { flushMsMax: 50 }, batch: { keepVersions: 1 } };`,
    );
    const view = (name: string, sql: string) => writeFileSync(join(dir, "project", "views", `${name}.sql`), sql);
    view("groups", "SELECT g, count(*) AS n, sum(x) AS s FROM events GROUP BY g");
    view("total", "SELECT count(*) AS n, sum(x) AS s, count(DISTINCT e) AS d FROM events");
  }

  /** @param data its data folder */
  args(data: string): string[] {
    return ["--project", join(this.#dir, "project"), "--data", data];
  }

  /** A file of events of its own, made when it is first asked for; it is loaded with `--accept-dead`. */
  events(number: number): string {
    const file = join(this.#dir, `events-${number}.ndjson`);
    if (existsSync(file)) return file;
    const lines = Array.from({ length: perLoad }, (_, i) => {
      const x = number * perLoad + i;
      return i % 7 === 6 ? "{" : JSON.stringify({ e: `e${x}`, g: `g${x % 5}`, x });
    });
    writeFileSync(file, `${lines.join("\n")}\n`);
    return file;
  }
}
