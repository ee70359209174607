/** JSON taken apart without reading it: what is passed on is what was sent, digit by digit. */

/** The texts of a valid JSON array's first elements. */
export function elementsOf(text: string, countMax: number): string[] {
  return parts(text, "[", countMax).map(({ value }) => value);
}

/** The texts of a valid JSON object's members, by name; of a name that is there twice, the last. */
export function membersOf(text: string): Map<string, string> {
  return new Map(
    parts(text, "{", Number.POSITIVE_INFINITY).map(({ name, value }) => [JSON.parse(name) as string, value]),
  );
}

interface Part {
  /** Of a member, its name in quotes; else "". */
  readonly name: string;
  readonly value: string;
}

function parts(text: string, opening: "[" | "{", countMax: number): Part[] {
  const closing = opening === "[" ? "]" : "}";
  const found: Part[] = [];
  let [depth, start, inText, name] = [0, -1, false, ""];
  for (let i = text.indexOf(opening) + 1; i < text.length && found.length < countMax; i++) {
    const each = text[i]!;
    if (inText) {
      if (each === "\\") i++;
      else if (each === '"') inText = false;
      continue;
    }
    if (depth === 0 && (each === "," || each === closing)) {
      const value = start < 0 ? "" : text.slice(start, i).trim();
      if (value !== "") found.push({ name, value });
      [start, name] = [-1, ""];
      if (each === closing) return found;
      continue;
    }
    if (depth === 0 && each === ":" && opening === "{" && name === "") {
      name = text.slice(start, i).trim();
      start = -1;
      continue;
    }
    if (start < 0 && !/\s/.test(each)) start = i;
    if (each === '"') inText = true;
    else if (each === "{" || each === "[") depth++;
    else if (each === "}" || each === "]") depth--;
  }
  return found;
}
