/** Rejects rows that are not valid events: reports the first of them, and writes all of them to --rejects. */
import { fstatSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import type { Input, Row } from "../input/row.ts";
import { nameOf } from "../input/source.ts";

/** Rows that are reported one by one. */
const reportedMax = 10;
const waitingBytesMax = 1 << 16;

/** A row that is not a valid event, and why. */
export interface RejectedRow {
  readonly file: string;
  readonly unit: Input["unit"];
  readonly row: Row;
  readonly reason: string;
}

export class Rejects {
  readonly #file: FileHandle | null;
  readonly #name: string;
  readonly #values: boolean;
  readonly #say: (line: string) => void;
  #count = 0;
  #waiting = "";

  private constructor(file: FileHandle | null, name: string, values: boolean, say: (line: string) => void) {
    this.#file = file;
    this.#name = name;
    this.#values = values;
    this.#say = say;
  }

  /**
   * @param name the file to write rejected rows to, or null
   * @param inputs the files that are loaded; "-": standard input
   * @param values write the rows' content, too
   * @throws LOAD_INPUT; USAGE when the file is one of the inputs, which would be overwritten
   */
  static async open(
    name: string | null,
    inputs: readonly string[],
    values: boolean,
    say: (line: string) => void,
  ): Promise<Rejects> {
    if (name === null) return new Rejects(null, "", values, say);
    await mustBeNone(inputs, name);
    const file = await open(name, "w").catch((error: unknown) => {
      throw unwritable(name, error);
    });
    return new Rejects(file, name, values, say);
  }

  get count(): number {
    return this.#count;
  }

  async add({ file, unit, row, reason }: RejectedRow): Promise<void> {
    const name = nameOf(file);
    if (this.#count++ < reportedMax)
      this.#say(unit === "line" ? `${name}:${row.place}: ${reason}` : `${name}, row ${row.place}: ${reason}`);
    if (!this.#file) return;
    const value = this.#values ? { value: row.value.toString() } : {};
    this.#waiting += `${JSON.stringify({ file: name, [unit]: row.place, reason, ...value })}\n`;
    if (this.#waiting.length >= waitingBytesMax) await this.#write();
  }

  async close(): Promise<void> {
    try {
      await this.#write();
    } finally {
      await this.#file?.close();
    }
    const more = this.#count - reportedMax;
    if (more > 0)
      this.#say(`and ${more} more${this.#file ? ` in ${this.#name}` : "; --rejects FILE writes all of them"}`);
  }

  async #write(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (!this.#file || text === "") return;
    await this.#file.writeFile(text).catch((error: unknown) => {
      throw unwritable(this.#name, error);
    });
  }
}

async function mustBeNone(inputs: readonly string[], name: string): Promise<void> {
  const found = await stat(name).catch(() => null);
  if (!found?.isFile()) return;
  for (const input of inputs) {
    const own = input === "-" ? fstatSync(0) : await stat(input).catch(() => null);
    if (own?.dev !== found.dev || own.ino !== found.ino) continue;
    throw new TidemarkError(
      "USAGE",
      `--rejects ${name} is one of the loaded files, and would be overwritten`,
      "name another file",
    );
  }
}

function unwritable(name: string, error: unknown): TidemarkError {
  return new TidemarkError(
    "LOAD_INPUT",
    `cannot write ${name}: ${messageOf(error)}`,
    "name another file with --rejects",
  );
}
