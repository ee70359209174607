import { type Row, rowBytesMax } from "./row.ts";

/** The characters that end a string, or matter outside of one. */
const inText = /["\\\n]/g;
const closing: Readonly<Record<string, string>> = { "{": "}", "[": "]" };

/**
 * Splits JSON into values without parsing them: the elements of arrays, and values outside of arrays. Each keeps every
 * digit as written, and is on one line: a line break outside of a string becomes a space.
 */
export class JsonValues {
  /** Open brackets of the current value. */
  readonly #open: string[] = [];
  #inArray = false;
  #inText = false;
  /** True when the previous chunk ended with a backslash in a string. */
  #escaped = false;
  #line = 1;
  /** The current value: its first line, and its text so far. */
  #begun: number | null = null;
  #parts: string[] = [];
  #bytes = 0;

  /** The line in which the open value or array began; null: none is open. */
  get inside(): number | null {
    return this.#begun ?? (this.#inArray ? this.#line : null);
  }

  /** @throws SyntaxError for mismatched brackets, naming the line */
  feed(chunk: Buffer): Row[] {
    const text = chunk.toString("latin1");
    const found: Row[] = [];
    if (text === "") return found;
    let from = 0;
    const begin = (at: number) => {
      if (this.#begun !== null) return;
      this.#begun = this.#line;
      from = at;
    };
    const finish = (end: number) => {
      if (this.#begun !== null) found.push(this.#finished(text.slice(from, end)));
      from = end;
    };
    for (let at = 0; at < text.length; at++) {
      if (this.#inText) {
        at = this.#endOfText(text, at);
        continue;
      }
      const each = text[at]!;
      switch (each) {
        case '"':
          begin(at);
          this.#inText = true;
          break;
        case "{":
        case "[":
          if (each === "[" && this.#begun === null && !this.#inArray) {
            this.#inArray = true;
            break;
          }
          begin(at);
          this.#open.push(each);
          break;
        case "}":
        case "]": {
          const opened = this.#open.pop();
          if (opened === undefined && each === "]" && this.#inArray) {
            finish(at);
            this.#inArray = false;
            break;
          }
          if (opened === undefined || closing[opened] !== each)
            throw new SyntaxError(`line ${this.#line}: a "${each}" closes nothing`);
          if (this.#open.length === 0) finish(at + 1);
          break;
        }
        case ",":
          if (this.#open.length === 0) finish(at);
          break;
        case "\n":
        case "\r":
          if (this.#begun !== null && this.#open.length > 0) {
            this.#keep(`${text.slice(from, at)} `);
            from = at + 1;
          } else finish(at);
          if (each === "\n") this.#line++;
          break;
        case " ":
        case "\t":
          if (this.#open.length === 0) finish(at);
          break;
        default:
          begin(at);
      }
    }
    if (this.#begun !== null) this.#keep(text.slice(from));
    return found;
  }

  /** @throws SyntaxError when something is still open */
  end(): Row[] {
    if (this.#open.length > 0 || this.#inText || this.#inArray)
      throw new SyntaxError(
        `it ends inside of ${this.#begun === null ? "an array" : `what begins in line ${this.#begun}`}`,
      );
    return this.#begun === null ? [] : [this.#finished("")];
  }

  /** The end of the open string, or of the chunk. */
  #endOfText(text: string, start: number): number {
    inText.lastIndex = this.#escaped ? start + 1 : start;
    this.#escaped = false;
    for (let match = inText.exec(text); match; match = inText.exec(text)) {
      if (match[0] === '"') {
        this.#inText = false;
        return match.index;
      }
      if (match[0] === "\n") this.#line++;
      else if (match.index + 1 === text.length) {
        this.#escaped = true;
        return text.length;
      } else inText.lastIndex = match.index + 2;
    }
    return text.length;
  }

  #keep(part: string): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes > rowBytesMax)
      throw new SyntaxError(`line ${this.#begun}: an event of more than ${rowBytesMax >> 20} MiB begins here`);
  }

  #finished(rest: string): Row {
    const text = this.#parts.join("") + rest;
    const row = { place: this.#begun!, value: Buffer.from(text, "latin1") };
    this.#begun = null;
    this.#parts = [];
    this.#bytes = 0;
    return row;
  }
}
