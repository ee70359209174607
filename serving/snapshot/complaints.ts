/**
 * What can go wrong on its own: following the served delta, the next version's delta; finding or loading a newer
 * version; a version that was published and can't be read any more.
 */
type Subject = "delta" | "next" | "version" | "lost";

/** What goes wrong for a while: said once, and again when the line is another one. */
export class Complaints {
  readonly #say: (line: string) => void;
  readonly #open = new Map<Subject, { readonly line: string; readonly error: unknown }>();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  set(subject: Subject, line: string, error: unknown = null): void {
    if (this.#open.get(subject)?.line !== line) this.#say(line);
    this.#open.set(subject, { line, error });
  }

  clear(subject: Subject): void {
    this.#open.delete(subject);
  }

  /** All lines, or "". */
  get text(): string {
    return [...this.#open.values()].map(({ line }) => line).join("; ");
  }

  get errors(): unknown[] {
    return [...this.#open.values()].map(({ error }) => error);
  }
}
