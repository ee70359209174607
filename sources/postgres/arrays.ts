/** PostgreSQL's text of an array → JSON. */
import { ValueRefusal } from "./refused-value.ts";

/**
 * @param each of an element that is not NULL: its text → JSON
 * @throws ValueRefusal where it is no list: of several dimensions, or not numbered from 1
 */
export function listJson(text: string, each: (element: string) => string): string {
  if (text.startsWith("[")) throw new ValueRefusal("an array that is not numbered from 1");
  if (text === "{}") return "[]";
  const elements: string[] = [];
  let at = 1;
  for (;;) {
    const first = text[at];
    if (first === "{") throw new ValueRefusal("an array of several dimensions");
    if (first === '"') {
      const end = endOfQuoted(text, at);
      elements.push(each(text.slice(at + 1, end).replace(/\\(.)/gs, "$1")));
      at = end + 1;
    } else {
      const end = endOfPlain(text, at);
      const element = text.slice(at, end);
      elements.push(element === "NULL" ? "null" : each(element));
      at = end;
    }
    if (text[at] === "}") return `[${elements.join(",")}]`;
    at++;
  }
}

function endOfQuoted(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}

function endOfPlain(text: string, start: number): number {
  let end = start;
  while (text[end] !== "," && text[end] !== "}") end++;
  return end;
}
