import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ViewSource } from "../definition.ts";
import { isName, nameRule, sameName } from "../names.ts";
import { filesIn } from "./files.ts";
import { invalid } from "./section.ts";

/**
 * What a view may not be called: a view reads these by their names, a query reads views by theirs, and a name
 * means one thing.
 */
export interface TakenName {
  readonly name: string;
  readonly what: "stream" | "reference table";
}

/** The project's views, sorted by name: one per views/*.sql. Their SQL is the compiler's business. */
export async function readViews(dir: string, taken: readonly TakenName[]): Promise<ViewSource[]> {
  const views: ViewSource[] = [];
  for (const entry of await filesIn(join(dir, "views"))) {
    if (!entry.endsWith(".sql")) continue;
    const file = `views/${entry}`;
    const name = entry.slice(0, -".sql".length);
    if (!isName(name)) invalid(file, `${JSON.stringify(name)} is not a name for a view`, nameRule);
    const twin = views.find((view) => sameName(view.name, name));
    if (twin) invalid(file, `differs from ${twin.file} only in case`, "choose another name");
    const other = taken.find((each) => sameName(each.name, name));
    if (other) invalid(file, `has the same name as the ${other.what} ${other.name}`, "choose another name");
    const sql = (await readFile(join(dir, file), "utf8")).replace(/^\uFEFF/, "");
    views.push({ name, file, sql, description: leadingComment(sql) });
  }
  return views;
}

/** The first comment of a text that starts with one, without its marks, as one paragraph. */
function leadingComment(sql: string): string {
  const text = sql.trimStart();
  const block = /^\/\*([\s\S]*?)\*\//.exec(text)?.[1];
  const lines =
    block === undefined
      ? /^(--.*(\r?\n[ \t]*|$))*/
          .exec(text)![0]
          .split("\n")
          .map((line) => line.trim().replace(/^-+/, ""))
      : block.split("\n").map((line) => line.trim().replace(/^\*+/, ""));
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}
