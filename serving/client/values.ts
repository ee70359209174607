/**
 * Writes JavaScript's values as the API accepts them, without losing digits, instants or bytes; or
 * throws an error that names the value that can't be sent.
 */

export type Value =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | readonly (Value | null)[]
  | { readonly [name: string]: Value | null };

/** @param place where the value occurs, for the error. @throws TypeError */
export function jsonText(value: unknown, place: string): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "bigint":
      return String(value);
    case "number":
      // JSON can't express NaN and the infinities: events have them as texts
      return Number.isFinite(value) ? numberText(value) : `"${value}"`;
    case "object":
      return value === null ? "null" : objectText(value, place);
  }
  throw unsendable(place, typeof value);
}

function objectText(value: object, place: string): string {
  if (value instanceof Date) return `"${dateText(value, place)}"`;
  if (value instanceof Uint8Array) return `"${base64(value)}"`;
  if (Array.isArray(value))
    return `[${Array.from(value as unknown[], (each, i) => jsonText(each, `${place}[${i}]`)).join(",")}]`;
  if ("toJSON" in value && typeof value.toJSON === "function") return jsonText(value.toJSON(), place);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind !== "Object") throw unsendable(place, kind);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${jsonText(each, `${place}.${name}`)}`).join(",")}}`;
}

/** As it is written in a filter. @throws TypeError */
export function filterText(value: Value, place: string): string {
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return numberText(value);
  if (value instanceof Date) return dateText(value, place);
  if (value instanceof Uint8Array) return base64(value);
  return jsonText(value, place);
}

/** A parameter of SQL as JSON. @throws TypeError */
export function paramText(value: unknown, place: string): string {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new TypeError(`${place} is ${value}, which is not a number in JSON: pass it as text, and write $1::DOUBLE`);
  if (value instanceof Uint8Array)
    throw new TypeError(`${place} is bytes: pass them as base64, and write from_base64($1)`);
  if (typeof value === "object" && value !== null && !(value instanceof Date))
    throw new TypeError(`${place} is not a single value: pass it as JSON text, and cast it`);
  return jsonText(value, place);
}

/** Without an exponent where a DECIMAL or an integer may have as many digits: neither type accepts one. */
function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e39) return String(BigInt(value));
  const [, sign = "", whole = "", fraction = "", exponent] = /^(-?)(\d+)(?:\.(\d+))?e-(\d+)$/.exec(String(value)) ?? [];
  const zeros = Number(exponent ?? 99) - 1;
  return zeros >= 38 ? String(value) : `${sign}0.${"0".repeat(zeros)}${whole}${fraction}`;
}

/** The instant in UTC; years beyond 9999 and before 1 as the API writes them, where ISO has six digits and a sign. */
function dateText(value: Date, place: string): string {
  if (Number.isNaN(value.getTime())) throw new TypeError(`${place} is an invalid Date`);
  const text = value.toISOString();
  const [, sign, digits = "", rest = ""] = /^([-+])(\d{6})(.*)$/.exec(text) ?? [];
  if (sign === undefined) return text;
  if (sign === "+") return Number(digits) + rest;
  return `${String(Number(digits) + 1).padStart(4, "0")}${rest.replace("T", " (BC) ")}`;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function unsendable(place: string, kind: string): TypeError {
  return new TypeError(`${place} is ${kind === "undefined" ? "undefined" : `a ${kind}`}, which can't be sent`);
}
