import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { TidemarkError } from "../../shared/errors.ts";
import { type LoadOptions, loadProject } from "../../shared/project/load.ts";
import type { Project } from "../../shared/project/project.ts";

/** A folder with these files, gone when the test is over. */
export function folder(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-project-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  return dir;
}

/** The text of a configuration file that exports this value. */
export function configText(value: unknown): string {
  return `export default ${JSON.stringify(value)};\n`;
}

/** A configuration with one good stream, and these settings over it. */
export function withStream(stream: Record<string, unknown> = {}, settings: Record<string, unknown> = {}): unknown {
  return {
    name: "p",
    streams: { flights: { fields: { date: "TIMESTAMP", origin: "VARCHAR" }, ...stream } },
    ...settings,
  };
}

export function load(dir: string, options: Partial<LoadOptions> = {}): Promise<Project> {
  return loadProject({ dir, env: {}, ...options });
}

/** The line that a refused project shows. */
export async function refusal(dir: string, options: Partial<LoadOptions> = {}): Promise<string> {
  try {
    await load(dir, options);
  } catch (error) {
    if (error instanceof TidemarkError) return error.line;
    throw error;
  }
  throw new Error("the project was accepted");
}
