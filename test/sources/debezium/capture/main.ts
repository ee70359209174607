/**
 * Captures again what is kept beside this folder: `node --import jiti/register test/sources/debezium/capture/main.ts`.
 * ALL=folder: every mode, into that folder.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCaptured } from "../captured-file.ts";
import { capture } from "./capture.ts";
import { kept, modes } from "./modes.ts";

const to = process.env.ALL ?? join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tidemark-debezium-"));
try {
  const chosen = modes.filter(({ name }) => process.env.ALL !== undefined || name in kept);
  const { records, expected } = await capture(chosen, folder);
  for (const [name, own] of records) {
    const topics = process.env.ALL === undefined ? kept[name]! : /./;
    writeCaptured(
      join(to, `${name}.ndjson`),
      own.filter(({ topic }) => topics.test(topic)),
    );
  }
  writeFileSync(join(to, "expected.json"), `${JSON.stringify(expected)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
