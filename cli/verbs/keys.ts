import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ApiKey, keyFile, newKey, parseKeys } from "../../serving/access/keys.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Context } from "../context.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** Keys stand in the project's keys.json, as hashes: a running server sees a change within a second. */
export async function run(context: Context, args: VerbArgs["keys"]): Promise<number> {
  const { dir } = await context.project();
  const path = join(dir, keyFile);
  const keys = await read(path);
  switch (args.does) {
    case "add": {
      if (keys.some((key) => key.name === args.name))
        throw new TidemarkError(
          "USAGE",
          `there is a key called "${args.name}" already`,
          "choose another name, and revoke the old key once the new one is in use",
        );
      const { key, text } = newKey(args.name, args.scopes, args.expiresAt, Date.now());
      await write(path, [...keys, key]);
      context.say(`key ${key.id} for ${key.scopes.join(", ")}; it is shown this once:`);
      await context.out(context.json ? `${JSON.stringify({ id: key.id, key: text })}\n` : `${text}\n`);
      return 0;
    }
    case "list": {
      const shown = keys.map(({ sha256: _, ...key }) => key);
      await context.out(context.json ? `${JSON.stringify(shown)}\n` : table(keys));
      return 0;
    }
    case "revoke": {
      const left = keys.filter((key) => key.id !== args.which && key.name !== args.which);
      if (left.length === keys.length)
        throw new TidemarkError("USAGE", `there is no key "${args.which}"`, "list them with: tidemark keys list");
      await write(path, left);
      context.say(`revoked; ${left.length} ${left.length === 1 ? "key is" : "keys are"} left`);
      return 0;
    }
  }
}

async function read(path: string): Promise<ApiKey[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? [] : parseKeys(text, path);
}

/** Whole or not at all: a server may read it at any moment. */
async function write(path: string, keys: readonly ApiKey[]): Promise<void> {
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, `${JSON.stringify({ keys }, null, 2)}\n`, { mode: 0o600 });
  await rename(aside, path);
}

function table(keys: readonly ApiKey[]): string {
  return tableText(
    keys.map((key) => ({
      id: key.id,
      name: key.name,
      scopes: key.scopes.join(", "),
      created: key.createdAt,
      expires: key.expiresAt ?? "",
    })),
  );
}
