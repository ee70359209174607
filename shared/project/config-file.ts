import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createJiti } from "jiti";
import { messageOf, TidemarkError } from "../errors.ts";
import { defineConfig } from "./define.ts";
import { invalid } from "./section.ts";

/** The names a configuration may have; the first that is there counts. */
const configFiles = ["tidemark.config.ts", "tidemark.config.js", "tidemark.config.mjs"] as const;

/** Runs the project's configuration file. What it exports is not checked yet. */
export async function runConfigFile(dir: string): Promise<{ file: string; value: unknown }> {
  const file = configFiles.find((name) => existsSync(join(dir, name)));
  if (file === undefined) {
    throw new TidemarkError(
      "CONFIG_MISSING",
      `no tidemark.config.ts (or .js, .mjs) in ${dir}`,
      "run tidemark init for a project to start from, or name its folder with --project",
      { dir },
    );
  }
  const exported = await run(join(dir, file), file);
  if (!("default" in exported)) invalid(file, "has no default export", "write export default defineConfig({ … })");
  return { file, value: exported.default };
}

/** jiti, because Node 20 runs no TypeScript; and so "tidemark" is found where it is not installed in the project. */
async function run(path: string, file: string): Promise<Record<string, unknown>> {
  const jiti = createJiti(pathToFileURL(path).href, {
    fsCache: false,
    moduleCache: false,
    virtualModules: { tidemark: { defineConfig } },
  });
  try {
    return await jiti.import<Record<string, unknown>>(path);
  } catch (error) {
    const reason = messageOf(error).replace(/ Require stack:.*$/, "");
    throw new TidemarkError("CONFIG_INVALID", `${file}: cannot be run: ${reason}`, "", { where: file }, error);
  }
}
