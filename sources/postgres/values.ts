/** PostgreSQL's texts of single values, in the session of connection.ts → JSON texts. */
import { ValueRefusal } from "./refused-value.ts";

/** Of characters of which one is written otherwise in JSON: a quote, a backslash, or before the space. */
const escaped = /[^ !#-[\]-\uffff]/;

export function textJson(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** With all of the scale's digits, so that equal numbers have equal texts. */
export function decimalJson(precision: number, scale: number): (text: string) => string {
  const wholeMax = precision - scale;
  return (text) => {
    const first = text.charCodeAt(0);
    if (first === nOfNaN || text.endsWith("y")) throw new ValueRefusal("NaN or an infinity, which no decimal is");
    const point = text.indexOf(".");
    const end = point < 0 ? text.length : point;
    const start = first === minus ? 1 : 0;
    const isZero = end - start === 1 && text.charCodeAt(start) === zero;
    if (!isZero && end - start > wholeMax) throw new ValueRefusal(`a number with more than ${wholeMax} whole digits`);
    const decimals = point < 0 ? 0 : text.length - point - 1;
    if (decimals === scale) return text;
    if (decimals < scale) return `${text}${point < 0 ? "." : ""}${"0".repeat(scale - decimals)}`;
    const kept = end + (scale === 0 ? 0 : scale + 1);
    if (!/^\.?0*$/.test(text.slice(kept))) throw new ValueRefusal(`a number with more than ${scale} decimals`);
    return text.slice(0, kept);
  };
}
const [nOfNaN, minus, zero] = [0x4e, 0x2d, 0x30];

/** JSON has no infinities; and -0 would be a whole number, which has no sign. */
export function floatJson(text: string): string {
  if (text === "-0") return "-0.0";
  return text === "NaN" || text.endsWith("y") ? `"${text}"` : text;
}

/** From 2^53 milliseconds on, DuckDB's timestamps with a zone are inexact; all of them end in 294247. */
const yearMax = "287395";

export function dayJson(text: string): string {
  return text.endsWith("BC") ? eraMoved(text) : `"${text}"`;
}

/** Of a time with or without a zone. */
export function instantJson(text: string): string {
  if (text.endsWith("BC")) return eraMoved(text);
  const hasLongYear = text.charCodeAt(6) === minus;
  if (hasLongYear && text.slice(0, 6) > yearMax) throw new ValueRefusal(`a time after the year ${yearMax}`);
  return `"${text}"`;
}

function eraMoved(text: string): string {
  return `"${text.replace(/^(\S+)(.*) BC$/, "$1 (BC)$2")}"`;
}

export function timeJson(text: string): string {
  if (text.startsWith("24")) throw new ValueRefusal("the time 24:00, which no day has");
  return `"${text}"`;
}

/** @param text "\x", and two digits a byte */
export function blobJson(text: string): string {
  return `"${Buffer.from(text.slice(2), "hex").toString("base64")}"`;
}

const surrogate = /\\u[dD][89a-fA-F]/;
const surrogates = /\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}/g;

/** As it was written, on one line. */
export function jsonJson(text: string): string {
  // of json, PostgreSQL keeps escapes that are no characters
  if (surrogate.test(text) && surrogate.test(text.replace(surrogates, ""))) {
    throw new ValueRefusal("JSON with half a character (a lone surrogate)");
  }
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, " ") : text;
}
