import { join } from "node:path";
import { changeKeys, keyFile, keysIn } from "../../serving/http/access/key-file.ts";
import { newKey } from "../../serving/http/access/keys.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { ApiKey } from "../../shared/http/caller.ts";
import type { Context } from "../context.ts";
import { tableText } from "../table-text.ts";
import type { VerbArgs } from "../verb.ts";

/** Keys are kept as hashes in the project's keys.json; a running server sees a change within a second. */
export async function run(context: Context, args: VerbArgs["keys"]): Promise<number> {
  const { dir } = await context.project();
  const path = join(dir, keyFile);
  switch (args.does) {
    case "add": {
      const { key, text } = newKey(args.name, args.scopes, args.expiresAt, Date.now());
      await changeKeys(path, (keys) => {
        if (!keys.some(({ name }) => name === args.name)) return [...keys, key];
        throw new TidemarkError(
          "USAGE",
          `there is already a key called "${args.name}"`,
          "choose another name, and revoke the old key once the new one is in use",
        );
      });
      context.say(`key ${key.id} for ${key.scopes.join(", ")}; it is shown only once:`);
      await context.out(context.json ? `${JSON.stringify({ id: key.id, key: text })}\n` : `${text}\n`);
      return 0;
    }
    case "list": {
      const keys = await keysIn(path);
      const shown = keys.map(({ sha256: _, ...key }) => key);
      await context.out(context.json ? `${JSON.stringify(shown)}\n` : table(keys));
      return 0;
    }
    case "revoke": {
      const left = await changeKeys(path, (keys) => {
        const others = keys.filter((key) => key.id !== args.which && key.name !== args.which);
        if (others.length < keys.length) return others;
        throw new TidemarkError("USAGE", `there is no key "${args.which}"`, "list them with: tidemark keys list");
      });
      context.say(`revoked; ${left.length} ${left.length === 1 ? "key is" : "keys are"} left`);
      return 0;
    }
  }
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
