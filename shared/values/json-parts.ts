/** JSON taken apart without reading it: what is passed on is what was sent, digit by digit. */

/** The texts of a valid JSON array's first elements. */
export function elementsOf(text: string, countMax: number): string[] {
  return parts(text, "[", countMax).map(({ value }) => value);
}

/** The texts of a valid JSON object's members, by name; of a name that is there twice, the last. */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const { name, value } of parts(text, "{", Number.POSITIVE_INFINITY)) {
    members.set(name.includes("\\") ? (JSON.parse(name) as string) : name.slice(1, -1), value);
  }
  return members;
}

interface Part {
  /** Of a member, its name in quotes; else "". */
  readonly name: string;
  readonly value: string;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

function parts(text: string, opening: "[" | "{", countMax: number): Part[] {
  const closing = opening === "[" ? closeBracket : closeBrace;
  const found: Part[] = [];
  let [depth, name] = [0, ""];
  let start = text.indexOf(opening) + 1;
  for (let i = start; i < text.length && found.length < countMax; i++) {
    const each = text.charCodeAt(i);
    if (each === quote) i = endOfText(text, i);
    else if (depth === 0 && (each === comma || each === closing)) {
      const value = text.slice(start, i).trim();
      if (value !== "") found.push({ name, value });
      [start, name] = [i + 1, ""];
      if (each === closing) return found;
    } else if (depth === 0 && each === colon && opening === "{" && name === "") {
      name = text.slice(start, i).trim();
      start = i + 1;
    } else if (each === openBrace || each === openBracket) depth++;
    else if (each === closeBrace || each === closeBracket) depth--;
  }
  return found;
}

/** The offset of the quote that closes the text that opens at `start`. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
