/** What the demo shows: headings, a progress bar, and an answer that changes in place on a terminal. */
import { openProgress, type Progress } from "../cli/progress.ts";

const terminal = process.stdout.isTTY === true;
/** Lines a second where nothing can be drawn over. */
const plainEveryMs = 1000;

export class Screen {
  readonly #began = performance.now();
  #step = 0;
  #drawn = 0;
  #lastPlain = 0;

  /** A step of the story begins. */
  heading(text: string): void {
    this.#drawn = 0;
    this.line("");
    this.line(bold(`${++this.#step}. ${text}`));
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  progress(title: string, total: number): Progress {
    return openProgress(process.stderr.isTTY === true, `   ${title}`, "events", total);
  }

  /** @param lines replace the last ones on a terminal; elsewhere `plain` is written, once a second and at the end */
  answer(lines: readonly string[], plain: string, last = false): void {
    if (!terminal) {
      if (!last && performance.now() - this.#lastPlain < plainEveryMs) return;
      this.#lastPlain = performance.now();
      this.line(plain);
      return;
    }
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    process.stdout.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }

  /** What happened meanwhile, above the answer that changes. */
  note(text: string): void {
    if (terminal && this.#drawn > 0) process.stdout.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
    this.line(text);
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }
}

function bold(text: string): string {
  return terminal ? `\u001b[1m${text}\u001b[0m` : text;
}

export function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
