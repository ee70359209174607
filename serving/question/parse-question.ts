/** A query string in PostgREST's syntax → a question: `carrier=eq.AA&hour=gte.2001-01-01&order=hour.desc&limit=10`. */
import type { ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { readValue } from "./filter-values.ts";
import { columnOf, type Filter, type FilterOperator, filterOperators } from "./filters.ts";
import { type Layer, layers, type ParsedQuestion } from "./query.ts";
import { type Bucket, buckets, type GroupBy } from "./roll-up.ts";

const list = { type: "string" } as const;
/** The schema of the query string, except for the view's own columns. */
export const questionSchema = {
  type: "object",
  properties: {
    select: { ...list, description: "the columns to show: a,b" },
    by: { ...list, description: "rolls up exactly to these keys, times in buckets: carrier,hour.day" },
    layer: { type: "string", enum: layers, description: "rows as one layer alone would give them" },
    order: { ...list, description: "a.desc,b.asc.nullsfirst" },
    limit: { type: "integer", minimum: 0, maximum: 999_999_999_999_999 },
    offset: { type: "integer", minimum: 0, maximum: 999_999_999_999_999 },
    or: { ...list, description: "(a.eq.1,and(b.gt.2,c.is.null))" },
    and: { ...list, description: "(a.eq.1,b.gt.2)" },
  },
  additionalProperties: {
    type: "string",
    description:
      'a filter on a column: eq.1, gte.2001-01-01, in.(a,b), is.null, not.…; quote a column that has the name of a parameter: "limit"=eq.1',
  },
} as const;

const once = new Set(["select", "by", "order", "limit", "offset", "layer"]);
/** Of nested conditions. */
const depthMax = 20;

/**
 * @param pairs name and value of every parameter, in order
 * @throws USAGE naming the parameter and what it may be
 */
export function parseQuestion(view: ViewDefinition, pairs: Iterable<readonly [string, string]>): ParsedQuestion {
  const filters: Filter[] = [];
  let select: string[] | null = null;
  let by: GroupBy[] | null = null;
  let layer: Layer | null = null;
  let order: ParsedQuestion["order"] = [];
  let limit: number | null = null;
  let offset = 0;
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    if (once.has(name) && seen.has(name)) throw new TidemarkError("USAGE", `${name} is given twice`, "give it once");
    seen.add(name);
    switch (name) {
      case "select":
        select = listOf(value).map((column) => columnOf(view, unquoted(column)).name);
        if (select.length === 0)
          throw new TidemarkError("USAGE", "select names no column", "leave it out for all columns");
        break;
      case "order":
        order = listOf(value).map((term) => parseOrder(view, term));
        break;
      case "limit":
        limit = wholeNumber(name, value);
        break;
      case "offset":
        offset = wholeNumber(name, value);
        break;
      case "by":
        by = listOf(value).map((term) => parseBy(view, term));
        break;
      case "layer":
        layer = parseLayer(value);
        break;
      default:
        filters.push(logicNamed(view, name, value) ?? parseFilter(view, nameIn(view, name), value));
    }
  }
  return { filters, layer, by, select, order, limit, offset };
}

function parseLayer(value: string): Layer {
  const found = layers.find((each) => each === value);
  if (found) return found;
  throw new TidemarkError("USAGE", `layer=${value.slice(0, 40)} is not a layer`, `there are: ${layers.join(", ")}`);
}

/** A column's name as a parameter: in quotes if it has the name of another parameter. */
function nameIn(view: ViewDefinition, name: string): string {
  return view.columns.some((column) => column.name === name) ? name : unquoted(name);
}

/** `or=(a.eq.1,and(b.gt.2,c.is.null))`; null: it is a filter on a column of that name. */
function logicNamed(view: ViewDefinition, name: string, value: string): Filter | null {
  const [, not, op] = /^(not\.)?(and|or)$/.exec(name) ?? [];
  const filters = !value.startsWith("(") && view.columns.some((column) => column.name === name);
  if (!op || filters) return null;
  return parseLogic(view, op as "and" | "or", not !== undefined, value, 1);
}

function parseLogic(view: ViewDefinition, op: "and" | "or", not: boolean, written: string, depth: number): Filter {
  const wrong = (why: string) =>
    new TidemarkError("USAGE", `${op}=${written.slice(0, 100)}: ${why}`, `write ${op}=(a.eq.1,b.gt.2)`);
  if (!/^\(.*\)$/s.test(written)) throw wrong("its list is not in parentheses");
  if (depth > depthMax) throw wrong(`conditions are nested deeper than ${depthMax}`);
  const terms = listOf(written.slice(1, -1));
  if (terms.length === 0) throw wrong("its list is empty");
  return { op, not, filters: terms.map((term) => parseTerm(view, term, depth)) };
}

/** A term within or=(…): `and(…)`, `not.or(…)`, `column.eq.value` or `column.not.eq.value`. */
function parseTerm(view: ViewDefinition, term: string, depth: number): Filter {
  const [, not, op, list] = /^(not\.)?(and|or)(\(.*\))$/s.exec(term) ?? [];
  if (op) return parseLogic(view, op as "and" | "or", not !== undefined, list!, depth + 1);
  const [quoted] = /^"(?:[^"\\]|\\.)*"(?=\.)/.exec(term) ?? [];
  if (quoted) return parseFilter(view, unquoted(quoted), bareValue(term.slice(quoted.length + 1)));
  // a column's name may contain dots: the longest match wins
  const names = view.columns.map((column) => column.name).filter((name) => term.startsWith(`${name}.`));
  const name = names.sort((a, b) => b.length - a.length)[0] ?? term.split(".")[0]!;
  return parseFilter(view, name, bareValue(term.slice(name.length + 1)));
}

/** In a list, a value may be quoted: `eq."a,b"`. */
function bareValue(condition: string): string {
  return condition.replace(/(?<=^(?:not\.)?\w+\.)".*"$/s, unquoted);
}

/** `carrier`, or a time in buckets: `hour.day`. */
function parseBy(view: ViewDefinition, term: string): GroupBy {
  const has = (name: string) => view.columns.some((column) => column.name === name);
  const bare = unquoted(term);
  if (has(bare)) return { column: bare, bucket: null };
  const dot = term.lastIndexOf(".");
  const [name, bucket] = [unquoted(term.slice(0, Math.max(dot, 0))), term.slice(dot + 1)];
  if (dot < 0 || !has(name)) return { column: columnOf(view, bare).name, bucket: null };
  if (!(buckets as readonly string[]).includes(bucket)) {
    throw new TidemarkError(
      "USAGE",
      `by=${term.slice(0, 100)}: "${bucket}" is not a bucket size`,
      `there are: ${buckets.join(", ")}`,
    );
  }
  return { column: name, bucket: bucket as Bucket };
}

const operators = [...Object.keys(filterOperators), "in", "is"].join(", ");

function parseFilter(view: ViewDefinition, name: string, written: string): Filter {
  const column = columnOf(view, name).name;
  const not = written.startsWith("not.");
  const text = not ? written.slice("not.".length) : written;
  const dot = text.indexOf(".");
  const op = dot < 0 ? text : text.slice(0, dot);
  const value = text.slice(dot + 1);
  const wrong = (why: string, todo: string) =>
    new TidemarkError("USAGE", `filter ${name}=${written.slice(0, 100)}: ${why}`, todo);
  if (dot < 0) throw wrong("it names no operator", `write ${name}=eq.${written.slice(0, 40)}; there are: ${operators}`);
  const { type } = columnOf(view, name);
  if (Object.hasOwn(filterOperators, op))
    return { column, not, op: op as FilterOperator, value: readValue(name, type, value) };
  if (op === "in") {
    if (!/^\(.*\)$/s.test(value)) throw wrong("its list is not in parentheses", `write ${name}=in.(a,b,"c,d")`);
    return { column, not, op, values: listOf(value.slice(1, -1)).map((item) => readValue(name, type, unquoted(item))) };
  }
  if (op === "is") {
    const known = ["null", "not_null", "true", "false"] as const;
    const found = known.find((each) => each === value.toLowerCase());
    if (!found)
      throw wrong(`"${value.slice(0, 40)}" is not one of them`, `write is.null, is.not_null, is.true or is.false`);
    if ((found === "true" || found === "false") && columnOf(view, name).type !== "BOOLEAN")
      throw wrong("the column is not a BOOLEAN", "use eq");
    return { column, not, op, value: found };
  }
  throw wrong(`"${op.slice(0, 40)}" is not an operator`, `there are: ${operators}`);
}

function parseOrder(view: ViewDefinition, term: string): ParsedQuestion["order"][number] {
  const [, quoted, bare = "", direction, nulls] =
    /^(?:("(?:[^"\\]|\\.)*")|(.*?))(?:\.(asc|desc))?(?:\.nulls(first|last))?$/s.exec(term) ?? [];
  // a column's name may contain dots
  if (quoted === undefined && view.columns.some((column) => column.name === term)) {
    return { column: term, descending: false, nulls: null };
  }
  return {
    column: columnOf(view, quoted === undefined ? bare : unquoted(quoted)).name,
    descending: direction === "desc",
    nulls: nulls === "first" || nulls === "last" ? nulls : null,
  };
}

/** `a,b,"c,d",or(e,f)`, cut at the commas outside double quotes and parentheses. */
function listOf(text: string): string[] {
  const wrong = (why: string) => new TidemarkError("USAGE", `the list ${text.slice(0, 100)} ${why}`, 'write a,b,"c,d"');
  if (text === "") return [];
  const items: string[] = [];
  let [start, depth, quoted] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const each = text[i]!;
    if (quoted && each === "\\") i++;
    else if (each === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (each === "(") depth++;
    else if (each === ")") depth--;
    else if (each === "," && depth === 0) {
      items.push(text.slice(start, i).trim());
      start = i + 1;
    }
    if (depth < 0) throw wrong("closes a parenthesis that is not open");
  }
  if (quoted) throw wrong("has an unclosed quote");
  if (depth > 0) throw wrong("has an unclosed parenthesis");
  return [...items, text.slice(start).trim()];
}

/** An item without its quotes: within double quotes, a backslash escapes the next character. */
function unquoted(item: string): string {
  return /^".*"$/s.test(item) ? item.slice(1, -1).replace(/\\(.)/gs, "$1") : item;
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TidemarkError("USAGE", `${name}=${text.slice(0, 40)} is not a whole number`, `write ${name}=100`);
}
