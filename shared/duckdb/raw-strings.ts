/**
 * Keeps leading byte order marks in strings. The driver (1.5.6) decodes strings with a decoder that drops a leading
 * U+FEFF, so that two keys that differ only in it would become one.
 */
import { createRequire } from "node:module";

const accessors = createRequire(import.meta.url)("@duckdb/node-api/lib/vectors/dataAccessors") as {
  textDecoder: TextDecoder;
};
accessors.textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
