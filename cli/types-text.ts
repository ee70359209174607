/** A definition's views and streams as TypeScript, for the client. */
import { listElementOf, structFieldsOf } from "../shared/compiler/types.ts";
import type { Definition, FieldDefinition, ViewDefinition } from "../shared/definition.ts";

export function typesText({ project, streams, views }: Definition): string {
  const name = project.replaceAll(/[\r\n]/g, " ");
  const eventTypes = streams.map(
    (stream) => `  ${keyOf(stream.name)}: {\n${stream.fields.map(fieldText).join("")}  };\n`,
  );
  return (
    `// Made by \`tidemark types\` from the project "${name}": run it again instead of editing this file.\n\n` +
    `export interface Views {\n${views.map(viewText).join("")}}\n\nexport interface Streams {\n${eventTypes.join("")}}\n`
  );
}

function viewText({ name, description, columns }: ViewDefinition): string {
  const about = description.replaceAll("*/", "* /").replaceAll(/\s*\n\s*/g, " ");
  const rows = columns.map((column) => `      ${keyOf(column.name)}: ${typeText(column.type)} | null;\n`);
  const keys = columns.filter(({ key }) => key !== null).map((column) => JSON.stringify(column.name));
  return (
    `${about === "" ? "" : `  /** ${about} */\n`}  ${keyOf(name)}: {\n` +
    `    row: {\n${rows.join("")}    };\n    key: ${keys.join(" | ") || "never"};\n  };\n`
  );
}

function fieldText({ name, type, nullable, default: preset }: FieldDefinition): string {
  const optional = nullable || preset !== undefined ? "?" : "";
  return `    ${keyOf(name)}${optional}: ${typeText(type)}${nullable ? " | null" : ""};\n`;
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** The JSON type of a DuckDB type, as the client reads and writes it: exact, also for large numbers. */
function typeText(type: string): string {
  const element = listElementOf(type);
  if (element) return `(${typeText(element)} | null)[]`;
  const fields = structFieldsOf(type);
  if (fields) return `{ ${fields.map((field) => `${keyOf(field.name)}: ${typeText(field.type)} | null`).join("; ")} }`;
  if (/^U?(BIG|HUGE)INT$/.test(type)) return "number | bigint";
  if (/^U?(TINYINT|SMALLINT|INTEGER)$/.test(type)) return "number";
  if (/^DECIMAL/.test(type)) return "number | bigint | string";
  // NaN and infinities are strings, since JSON has no numbers for them
  if (/^(DOUBLE|FLOAT)$/.test(type)) return 'number | "NaN" | "Infinity" | "-Infinity"';
  if (type === "BOOLEAN") return "boolean";
  return /^(JSON|MAP|UNION)/.test(type) ? "unknown" : "string";
}
