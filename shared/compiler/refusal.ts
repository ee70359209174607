import { TidemarkError } from "../errors.ts";

/** A view's text, and the file it is from. */
export interface SourceText {
  readonly file: string;
  readonly sql: string;
}

/** `file:line:column` of a byte offset, both counted from 1; the file alone where DuckDB knows no place. */
function placeOf(source: SourceText, byte: number | null): string {
  if (byte === null) return source.file;
  const before = Buffer.from(source.sql).subarray(0, byte).toString();
  const lines = before.split("\n");
  return `${source.file}:${lines.length}:${lines.at(-1)!.length + 1}`;
}

const quotedOrComment = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$/g;

/** Byte offset of the first match outside texts, quoted names and comments, for what DuckDB's tree gives no place. */
export function findWord(source: SourceText, pattern: RegExp): number | null {
  const bare = source.sql.replace(quotedOrComment, (each) => (/^[-/]/.test(each) ? " " : "_").repeat(each.length));
  const index = bare.search(pattern);
  return index < 0 ? null : Buffer.byteLength(source.sql.slice(0, index));
}

/** A view that can't be compiled: the place, the reason, and what to write instead. */
export function refuse(source: SourceText, byte: number | null, why: string, instead: string): TidemarkError {
  return new TidemarkError("VIEW_UNSUPPORTED", `${placeOf(source, byte)}: ${why}`, instead, {
    place: placeOf(source, byte),
  });
}

/** A fault of the compiler's own: its user can't do anything about it. */
export function internal(source: SourceText, error: unknown): TidemarkError {
  // the first line: the others quote SQL that the user did not write
  const [said = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return new TidemarkError(
    "INTERNAL",
    `${source.file}: Tidemark fails at compiling this view, and the fault is not the view's (${said || "no message"})`,
    "report it with the view's SQL and the definitions of what it reads; written in another way, it may work",
    { place: source.file },
    error,
  );
}

/** DuckDB's own complaint about a view's SQL, with the place it points at. */
export function complaint(source: SourceText, message: string, position: number | null): TidemarkError {
  const [first = "", ...rest] = message.split("\n");
  let byte = position;
  const pointer = rest.findIndex((line) => /^LINE \d+: /.test(line));
  if (byte === null && pointer >= 0) {
    const line = Number(/^LINE (\d+)/.exec(rest[pointer]!)![1]);
    const caret = rest[pointer + 1]?.indexOf("^") ?? -1;
    const label = `LINE ${line}: `.length;
    const shown = rest[pointer]!.slice(label);
    const whole = source.sql.split("\n")[line - 1] ?? "";
    // DuckDB shows a window of a long line: find it again in the file
    const cut = shown.startsWith("...") ? whole.indexOf(shown.slice(3).replace(/\.\.\.$/, "")) - 3 : 0;
    if (caret >= label) {
      const before = source.sql
        .split("\n")
        .slice(0, line - 1)
        .join("\n");
      const column = Math.max(0, caret - label + cut);
      byte = Buffer.byteLength(before) + (line > 1 ? 1 : 0) + Buffer.byteLength(whole.slice(0, column));
    }
  }
  const hints = rest
    .filter((line, i) => line.trim() && i !== pointer && i !== pointer + 1)
    .map((line) => line.trim())
    .join(" ");
  const text = first.replace(/^(Binder|Catalog|Parser|Syntax|Conversion|Invalid Input|Not implemented) Error: /, "");
  return new TidemarkError("VIEW_SYNTAX", `${placeOf(source, byte)}: ${text}`, hints || "correct the view's SQL", {
    place: placeOf(source, byte),
  });
}
