/**
 * Secrets are named in a configuration, never written there: they are read when they are needed, and are part of
 * nothing that is shown.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { invalid } from "./section.ts";

export interface SecretSources {
  /** The project's folder: relative paths begin there. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const form = /^(env|file):(.+)$/s;

/**
 * @param where the setting, for messages. @throws CONFIG_INVALID where it is written out, or names nothing by
 *   its form
 */
export function checkSecret(where: string, named: string): void {
  if (!form.test(named))
    invalid(where, "is a secret, and must not be written here", 'name where it is: "env:NAME" or "file:PATH"');
}

/** What a setting names, without a line break at the end. @throws CONFIG_INVALID where it is not there */
export function readSecret(where: string, named: string, { dir, env }: SecretSources): string {
  const [, kind, name] = form.exec(named) ?? [];
  if (kind === "env") {
    const value = env[name!];
    if (!value) invalid(where, `the environment has no ${name}`, "set it, or name another place");
    return value;
  }
  return readFileOf(where, name ?? named, dir);
}

/** As `readSecret`, of a setting that may also be written as it is. */
export function readText(where: string, named: string, sources: SecretSources): string {
  return form.test(named) ? readSecret(where, named, sources) : named;
}

function readFileOf(where: string, path: string, dir: string): string {
  let text: string;
  try {
    text = readFileSync(resolve(dir, path), "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return invalid(
      where,
      `cannot read ${path}: ${code === "ENOENT" ? "there is no such file" : code}`,
      "correct the path, or its rights",
    );
  }
  const value = text.replace(/\r?\n$/, "");
  if (value === "") invalid(where, `${path} is empty`, "write the secret there");
  return value;
}
