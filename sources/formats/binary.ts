/** Bytes, in the ways that connectors write them. */

import type { FormatSettings } from "../../shared/format-settings.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { unclear, wrong } from "./refusal.ts";

/** Bytes as base64 with padding. @param text the value's own */
export function readBinary(text: string, schema: ConnectSchema | null, settings: FormatSettings): string {
  const base64 = schema?.type === "bytes" ? "base64" : (settings.binary ?? apparent(text));
  const bytes = Buffer.from(text, base64 === "base64-url-safe" ? "base64url" : base64);
  const written = {
    base64: () => bytes.toString("base64"),
    "base64-url-safe": () => bytes.toString("base64url"),
    hex: () => bytes.toString("hex"),
  }[base64]();
  if (withoutPadding(written) !== withoutPadding(base64 === "hex" ? text.toLowerCase() : text)) {
    return wrong(`a text that is no bytes as ${base64}`, 'set binary: "base64", "base64-url-safe" or "hex"');
  }
  return bytes.toString("base64");
}

const withoutPadding = (text: string) => text.replace(/=+$/, "");

/** What the characters leave as the only way. */
function apparent(text: string): "base64" | "base64-url-safe" | "hex" {
  if (/[-_]/.test(text)) return "base64-url-safe";
  if (text === "" || /[^0-9a-fA-F]/.test(text)) return "base64";
  if (text.length % 4 === 2) return "hex";
  return unclear(
    "bytes in hex, or in base64?",
    'set binary to the connector\'s binary.handling.mode: "hex", "base64-url-safe" or "base64" (also for bytes)',
  );
}
