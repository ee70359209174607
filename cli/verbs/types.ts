import { writeFile } from "node:fs/promises";
import { makeDefinition } from "../../shared/project/definition.ts";
import type { Context } from "../context.ts";
import { typesText } from "../types-text.ts";
import type { VerbArgs } from "../verb.ts";

/** TypeScript types of the project's views and streams, for `connect<Views, Streams>(…)` of tidemark/client. */
export async function run(context: Context, { file }: VerbArgs["types"]): Promise<number> {
  const text = typesText(await makeDefinition(await context.project(), null));
  if (file === null) await context.out(text);
  else await writeFile(file, text);
  return 0;
}
