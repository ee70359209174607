/** A query's parameters with all digits: JSON.parse would round integers beyond 2^53, and decimals. */
import { isUtf8 } from "node:buffer";
import { TidemarkError } from "../../shared/errors.ts";
import { elementsOf, membersOf } from "../../shared/values/json-parts.ts";
import { isDouble } from "../client/numbers.ts";
import type { QueryParam } from "./protocol.ts";

/** The texts that bodies were parsed from. */
const texts = new WeakMap<object, string>();

/** @throws USAGE where it is not JSON */
export function readQuery(bytes: Buffer): unknown {
  const text = bytes.toString();
  let body: unknown;
  try {
    if (!isUtf8(bytes)) throw new SyntaxError("not UTF-8");
    body = JSON.parse(text);
  } catch {
    throw new TidemarkError("USAGE", "the body is not JSON", 'send {"sql": "SELECT …", "params": []}');
  }
  if (typeof body === "object" && body !== null) texts.set(body, text);
  return body;
}

/** @param body that readQuery gave. @throws USAGE for a number that would lose digits */
export function paramsOf(body: object): QueryParam[] {
  const { params = [] } = body as { params?: readonly (string | number | boolean | null)[] };
  if (!params.some((param) => typeof param === "number")) return [...params];
  const written = elementsOf(membersOf(texts.get(body)!).get("params")!, params.length);
  return params.map((param, i) => (typeof param === "number" ? exactly(written[i]!, i + 1) : param));
}

function exactly(written: string, place: number): QueryParam {
  const value = Number(written);
  const many = (why: string) =>
    new TidemarkError("USAGE", `parameter ${place} ${why}`, `send it as text and cast it: $${place}::DECIMAL(38,10)`);
  if (/^-?\d+$/.test(written)) {
    if (Number.isSafeInteger(value)) return value;
    if (BigInt.asIntN(128, BigInt(written)) === BigInt(written)) return { integer: written };
    throw many("is an integer of more than 128 bits");
  }
  if (Number.isFinite(value) && isDouble(written)) return value;
  throw many("has more digits than a double keeps");
}
