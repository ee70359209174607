/** A value of a foreign record → the JSON text that a field of its declared type has for it. */
import {
  decimalOf,
  isDecimal,
  isFloat,
  isInteger,
  listElementOf,
  structFieldsOf,
} from "../../shared/compiler/types.ts";
import type { FormatSettings } from "../../shared/format-settings.ts";
import { elementsOf, membersOf } from "../../shared/values/json-parts.ts";
import { isJson } from "../../shared/values/json-text.ts";
import { readBinary } from "./binary.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { decimalText, readDecimal, withScale } from "./decimals.ts";
import { kindOf, unclear, wrong } from "./refusal.ts";
import { readTime, timeMeaning, timeText } from "./times.ts";

type Read = (raw: string, schema: ConnectSchema | null, settings: FormatSettings) => string;

const itsType = "declare the field with its column's type";

/** @returns a function of a value's JSON text, which may be null inside lists and structs only */
export function valueReader(type: string): Read {
  if (isInteger(type) || type === "HUGEINT" || type === "UHUGEINT") return integer(type);
  if (isFloat(type)) return float(type);
  if (isDecimal(type)) return decimal(type);
  const element = listElementOf(type);
  if (element !== null) return list(type, valueReader(element));
  const fields = structFieldsOf(type);
  if (fields !== null) return struct(type, new Map(fields.map((each) => [each.name, valueReader(each.type)])));
  switch (type) {
    case "BOOLEAN":
      return (raw) => (raw === "true" || raw === "false" ? raw : not(raw, type));
    case "VARCHAR":
      return text;
    case "BLOB":
      return (raw, schema, settings) => `"${readBinary(textIn(raw, type), schema, settings)}"`;
    case "JSON":
      return json;
    case "UUID":
      return (raw) => JSON.stringify(textIn(raw, type).toLowerCase());
    default:
      return (raw, schema, settings) => `"${readTime(type, raw, schema, settings)}"`;
  }
}

function not(raw: string, type: string): never {
  return wrong(`${kindOf(raw)} is not a ${type}`, itsType);
}

function textIn(raw: string, type: string): string {
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : not(raw, type);
}

/** True for a number that is none of a column of numbers. */
function isTime(schema: ConnectSchema | null): boolean {
  return timeMeaning(schema) !== null;
}

function integer(type: string): Read {
  return (raw, schema, settings) => {
    if (isTime(schema)) return wrong(`a time is not a ${type}`, itsType);
    if (/^-?\d+$/.test(raw)) return raw === "-0" ? "0" : raw;
    if (raw === "true" || raw === "false") return not(raw, type);
    const whole = withScale(readDecimal(raw, schema, settings, { digitsMax: 39, scale: 0 }), 0);
    return whole === null ? wrong(`a number with a fraction is not a ${type}`, itsType) : decimalText(whole);
  };
}

function decimal(type: string): Read {
  const { precision, scale } = decimalOf(type);
  return (raw, schema, settings) => {
    if (isTime(schema)) return wrong(`a time is not a ${type}`, itsType);
    const read = withScale(readDecimal(raw, schema, settings, { digitsMax: precision, scale }), scale);
    if (read === null) return wrong(`a number with more than ${scale} decimals`, `declare more than ${type} has`);
    return decimalText(read);
  };
}

function float(type: string): Read {
  return (raw, schema, settings) => {
    if (isTime(schema)) return wrong(`a time is not a ${type}`, itsType);
    if (/^"(NaN|-?Infinity)"$/.test(raw)) return raw;
    if (/^-?\d/.test(raw)) return raw;
    if (raw === '"NAN"') return '"NaN"';
    if (raw === '"POSITIVE_INFINITY"' || raw === '"NEGATIVE_INFINITY"') {
      return raw.startsWith('"N') ? '"-Infinity"' : '"Infinity"';
    }
    if (raw === "true" || raw === "false") return not(raw, type);
    if (raw.startsWith('"') && schema === null && settings.decimals === "precise") {
      return unclear("a decimal's bytes without their scale", "set value.converter.schemas.enable=true");
    }
    return decimalText(readDecimal(raw, schema, settings, { digitsMax: 0, scale: 0 }));
  };
}

const text: Read = (raw, schema, settings) => {
  if (raw.startsWith("{")) return `"${decimalText(readDecimal(raw, schema, settings, { digitsMax: 39, scale: 0 }))}"`;
  const meaning = timeMeaning(schema);
  if (raw.startsWith('"')) {
    if (schema?.type !== "bytes") return raw.includes("\\") ? JSON.stringify(JSON.parse(raw)) : raw;
    if (schema.scale === null) return wrong("bytes are not a VARCHAR", "declare the field as BLOB");
  } else if (meaning !== null) return `"${timeText(raw, meaning)}"`;
  else if (schema === null && /^[-\d]/.test(raw)) {
    return unclear("a number in a VARCHAR field", `${itsType}, or set value.converter.schemas.enable=true`);
  } else if (schema?.name === "io.debezium.time.MicroDuration") {
    return wrong("an interval in microseconds, with months of 30.4375 days", "set interval.handling.mode=string");
  } else if (!/^[-\d]/.test(raw)) return not(raw, "VARCHAR");
  else if (schema?.type.startsWith("float")) return wrong("a double is not a VARCHAR", "declare the field as DOUBLE");
  return `"${decimalText(readDecimal(raw, schema, settings, { digitsMax: 39, scale: 0 }))}"`;
};

const json: Read = (raw, schema, settings) => {
  if (!raw.startsWith('"')) return raw;
  if (schema?.name !== "io.debezium.data.Json" && settings.json !== "text") {
    if (settings.json === "value") return raw;
    return unclear("a text in a JSON field: JSON written as text, or a text?", 'set json: "text" or json: "value"');
  }
  const inner = JSON.parse(raw) as string;
  if (!isJson(inner)) return wrong("a text that is no JSON", 'declare the field as VARCHAR, or set json: "value"');
  return /[\r\n]/.test(inner) ? inner.replace(/[\r\n]+/g, " ") : inner;
};

function list(type: string, each: Read): Read {
  return (raw, schema, settings) => {
    if (!raw.startsWith("[")) return not(raw, type);
    const items = schema?.items ?? null;
    const elements = elementsOf(raw, Number.POSITIVE_INFINITY);
    return `[${elements.map((value) => (value === "null" ? value : each(value, items, settings))).join(",")}]`;
  };
}

function struct(type: string, fields: ReadonlyMap<string, Read>): Read {
  return (raw, schema, settings) => {
    if (!raw.startsWith("{")) return not(raw, type);
    const members = membersOf(raw);
    const written = [...fields].map(([name, read]) => {
      const value = members.get(name) ?? "null";
      const its = schema?.fields?.get(name) ?? null;
      return `${JSON.stringify(name)}:${value === "null" ? value : read(value, its, settings)}`;
    });
    return `{${written.join(",")}}`;
  };
}
