/**
 * What can fail independently: following the served delta, or the next version's; finding or loading a newer version;
 * reading a version that was published before.
 */
type Subject = "delta" | "next" | "version" | "lost";

/** Ongoing problems: each is logged once, and again when its text changes. */
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
