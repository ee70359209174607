/** Decimals, digit by digit. */

import type { FormatSettings } from "../../shared/format-settings.ts";
import { membersOf } from "../../shared/values/json-parts.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { kindOf, unclear, wrong } from "./refusal.ts";

/** `unscaled` / 10 ^ `scale`. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const connectDecimal = "org.apache.kafka.connect.data.Decimal";
/** Decimals of at most this many digits are doubles of their own. */
const doubleDigits = 15;
/** Of an exponent; more is no column's value. */
const exponentMax = 200_000;

/**
 * @param raw JSON text, not null
 * @param digitsMax that the field has; what came as a double is exact up to 15
 * @param scale the field's own, for bytes without a schema
 */
export function readDecimal(
  raw: string,
  schema: ConnectSchema | null,
  settings: FormatSettings,
  { digitsMax, scale }: { digitsMax: number; scale: number },
): Decimal {
  if (raw.startsWith("{")) return structured(raw);
  if (raw.startsWith('"')) return inText(JSON.parse(raw) as string, schema, settings, scale);
  const found = /^[-\d]/.test(raw) ? parseDecimal(raw) : null;
  if (found === null) return wrong(`${kindOf(raw)} is not a decimal`, "declare the field with its column's type");
  const isExact = /^-?\d+$/.test(raw) || schema?.name === connectDecimal || settings.decimals === "numeric";
  const isDouble = schema?.type.startsWith("float");
  if ((!isExact || isDouble) && digitsMax > doubleDigits) {
    unclear(
      "a number that a double may have rounded",
      'set decimal.handling.mode=string in the connector, or, where it has decimal.format=numeric, decimals: "numeric"',
    );
  }
  return found;
}

function inText(text: string, schema: ConnectSchema | null, settings: FormatSettings, scale: number): Decimal {
  if (schema?.name === connectDecimal) {
    return { unscaled: unscaledOf(text), scale: schema.scale ?? wrong("a decimal's schema has no scale", "") };
  }
  const digits = parseDecimal(text);
  if (schema === null && settings.decimals === "precise") return { unscaled: unscaledOf(text), scale };
  // a dot or a sign is in no base64
  const isText = schema?.type === "string" || settings.decimals === "string" || /[.-]/.test(text);
  if (digits !== null && isText) return digits;
  if (/^(NaN|[-+]?Infinity|NEGATIVE_INFINITY|POSITIVE_INFINITY)$/i.test(text)) {
    wrong("NaN and infinities are no decimals", "declare the field as DOUBLE or VARCHAR");
  }
  if (schema !== null || isText) wrong("a text that is no decimal", "declare the field with its column's type");
  return unclear(
    "a decimal's digits, or its bytes in base64?",
    'set decimal.handling.mode=string in the connector and decimals: "string", or value.converter.schemas.enable=true',
  );
}

/** Debezium's VariableScaleDecimal. */
function structured(raw: string): Decimal {
  const members = membersOf(raw);
  const [scale, value] = [members.get("scale"), members.get("value")];
  if (members.size !== 2 || !scale || !value?.startsWith('"') || !/^-?\d{1,5}$/.test(scale)) {
    return wrong("an object that is no decimal", "declare the field as JSON");
  }
  return { unscaled: unscaledOf(JSON.parse(value) as string), scale: Number(scale) };
}

/** Two's complement, most significant byte first. */
function unscaledOf(base64: string): bigint {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0 || bytes.toString("base64") !== base64) {
    return wrong("a text that is no decimal's bytes in base64", 'where it has the digits, set decimals: "string"');
  }
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString("hex")}`));
}

/** Null where the text is no number. */
function parseDecimal(text: string): Decimal | null {
  const [match, sign, whole, fraction = "", exponent = "0"] =
    /^([-+]?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  if (match === undefined || Math.abs(Number(exponent)) > exponentMax) return null;
  const unscaled = BigInt(whole! + fraction);
  return { unscaled: sign === "-" ? -unscaled : unscaled, scale: fraction.length - Number(exponent) };
}

/** All digits, without an exponent. */
export function decimalText({ unscaled, scale }: Decimal): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The same with a scale of `scale`; null where digits that count would go. */
export function withScale(decimal: Decimal, scale: number): Decimal | null {
  if (scale >= decimal.scale) {
    return { unscaled: decimal.unscaled * 10n ** BigInt(scale - decimal.scale), scale };
  }
  const divisor = 10n ** BigInt(decimal.scale - scale);
  return decimal.unscaled % divisor === 0n ? { unscaled: decimal.unscaled / divisor, scale } : null;
}
