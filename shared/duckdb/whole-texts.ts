/**
 * Texts as they are. The driver (1.5.6) decodes them with a decoder that takes a leading U+FEFF for a mark of
 * the encoding and drops it: two keys that differ in it would be one.
 */
import { createRequire } from "node:module";

const accessors = createRequire(import.meta.url)("@duckdb/node-api/lib/vectors/dataAccessors") as {
  textDecoder: TextDecoder;
};
accessors.textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
