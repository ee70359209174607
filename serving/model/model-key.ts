/** The key of a row in a read model, from a question whose values are written exactly as DuckDB writes them. */
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { keyColumns } from "../question/group-keys.ts";
import type { ParsedQuestion } from "../question/query.ts";

/**
 * JSON of a row's keys where the question asks for exactly that row, with all columns; null: it asks
 * for something else, or writes a value in another way.
 */
export function modelKey(view: ViewDefinition, question: ParsedQuestion): string | null {
  const { filters, by, layer, select, order, limit, offset } = question;
  if (by || layer || select || order.length > 0 || limit !== null || offset > 0) return null;
  const columns = keyColumns(view);
  if (filters.length !== columns.length) return null;
  const parts: string[] = [];
  for (const column of columns) {
    const filter = filters.find((each) => "column" in each && each.column === column.name);
    if (!filter || filter.not) return null;
    const value =
      filter.op === "is" && filter.value === "null"
        ? "null"
        : filter.op === "eq"
          ? canonical(column, filter.value)
          : null;
    if (value === null) return null;
    parts.push(`${JSON.stringify(column.name)}:${value}`);
  }
  return `{${parts.join(",")}}`;
}

/** Bits of an integer, and whether it has a sign. */
const integer = /^(U?)(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const bits: Readonly<Record<string, bigint>> = { TINY: 8n, SMALL: 16n, BIG: 64n, HUGE: 128n };

/** A value's JSON as an answer has it; null: an answer may write it in another way, or it is not of the type. */
function canonical({ type }: ViewColumn, value: string): string | null {
  if (type === "VARCHAR") return JSON.stringify(value);
  if (type === "BOOLEAN") return value === "true" || value === "false" ? value : null;
  if (type === "DATE") return isDay(value) ? JSON.stringify(value) : null;
  if (type === "TIMESTAMP") {
    const [, day = ""] = /^(.{10}) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{0,5}[1-9])?$/.exec(value) ?? [];
    return isDay(day) ? JSON.stringify(value) : null;
  }
  const [known, unsigned, size = ""] = integer.exec(type) ?? [];
  if (known === undefined || !/^(0|-?[1-9]\d{0,38})$/.test(value)) return null;
  const [number, width] = [BigInt(value), bits[size] ?? 32n];
  const fits = unsigned ? BigInt.asUintN(Number(width), number) : BigInt.asIntN(Number(width), number);
  return fits === number ? value : null;
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text);
}
