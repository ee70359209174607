/** The dashboard's files: the compiled scripts of dashboard/ and client/, and the page's own HTML and style. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { html } from "./html.ts";
import { style } from "./style.ts";

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly tag: string;
}

/** Where compiled files are: beside this one, or in the build's folder when it runs from source. */
const compiled = new URL(import.meta.url.endsWith(".ts") ? "../../../dist/serving/" : "../../", import.meta.url);

/** By path. Read once; only files that are listed here can be requested. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const found = new Map<string, Asset>([
    ["/", asset("text/html; charset=utf-8", html)],
    ["/assets/style.css", asset("text/css; charset=utf-8", style)],
  ]);
  for (const folder of ["dashboard", "client"]) {
    const place = fileURLToPath(new URL(`${folder}/`, compiled));
    for (const name of namesIn(place)) {
      found.set(
        `/assets/${folder}/${name}`,
        asset("text/javascript; charset=utf-8", readFileSync(`${place}${name}`, "utf8")),
      );
    }
  }
  return found;
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place).filter((name) => name.endsWith(".js"));
  } catch {
    // run from source before a build: the page says that a build is needed
    return [];
  }
}

function asset(type: string, text: string): Asset {
  const body = Buffer.from(text.replace(/\/\/# sourceMappingURL=.*\n?$/, ""));
  return { type, body, tag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

/** The content security policy: only our own files and API. */
export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
