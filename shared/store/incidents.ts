/**
 * What is wrong right now, reported by the role that found it: one file a role, empty once all is well. Decides
 * nothing; status, metrics and readiness show it. Operational only: alerts are what users have asked for.
 */
import { messageOf, TidemarkError } from "../errors.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";

/** What can be wrong. */
export type IncidentKind =
  /** A role or one of its runs ended, or waits for what passes by itself. */
  | "role-failed"
  /** A view's SQL fails on valid events, or its proof does. */
  | "view-failed"
  /** A file that is part of an answer is not what its manifest says. */
  | "file-damaged"
  /** Many of a stream's newest records are no events. */
  | "dead-letters"
  /** A record's timestamp lies more than a day away from those before it. */
  | "log-time"
  /** A stream is not read any more, while the others are. */
  | "stream-stopped"
  /** A row of a changelog went that had not come: no number is shown that it is part of. */
  | "changelog-broken"
  /** What a changelog is written from is not followed. */
  | "source-stopped"
  /** A changelog is not what its table is, by a comparison. */
  | "source-differs"
  /** Whether changelogs are what their tables are could not be found out. */
  | "source-unverified"
  /** A consumer's store does not follow its view. */
  | "consumer-stopped"
  /** Nothing has been committed for long, though the log goes on. */
  | "standing-still"
  /** The log grows faster than it is read. */
  | "falling-behind";

/** What is reported of an incident. */
export interface Trouble {
  readonly code: string;
  /** One line: what, where, what to do. No values of events. */
  readonly message: string;
  /** The views whose answers it touches; left out: all, or none. */
  readonly views?: readonly string[];
  readonly streams?: readonly string[];
}

export interface Incident extends Trouble {
  /** The role that reports it, e.g. "speed-0" or "batch". */
  readonly role: string;
  readonly kind: IncidentKind;
  /** What it is about, where the kind alone does not say: a view, a stream, a file. "" where it does. */
  readonly subject: string;
  /** When it began, ISO. */
  readonly since: string;
}

/** One role's incidents, written by one process at a time; what a fenced one still writes is overwritten soon. */
export class Incidents {
  readonly role: string;
  readonly #store: Store;
  readonly #now: () => number;
  #known: Promise<Map<string, Incident>> | null = null;
  /** Changes one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(store: Store, role: string, now: () => number) {
    this.role = role;
    this.#store = store;
    this.#now = now;
  }

  /** An incident with the same code and message keeps the time at which it was first raised. */
  raise(kind: IncidentKind, subject: string, trouble: Trouble): Promise<void> {
    return this.#change((known) => this.#put(known, kind, subject, trouble));
  }

  /** An error of whatever sort, as an incident. */
  raiseError(kind: IncidentKind, subject: string, error: unknown, touched: Pick<Trouble, "views" | "streams"> = {}) {
    return this.raise(kind, subject, { ...troubleOf(error), ...touched });
  }

  clear(kind: IncidentKind, subject: string): Promise<void> {
    return this.#change((known) => known.delete(keyOf(kind, subject)));
  }

  /** Forgets those of subjects that are gone: nothing else would ever clear them. @param subjects there are */
  retain(subjects: Iterable<string>): Promise<void> {
    const there = new Set(subjects);
    return this.#change((known) => {
      const gone = [...known].filter(([, { subject }]) => !there.has(subject));
      for (const [key] of gone) known.delete(key);
      return gone.length > 0;
    });
  }

  /** All incidents of a kind, by subject; those of the kind that were raised before and are not in it are cleared. */
  settle(kind: IncidentKind, found: ReadonlyMap<string, Trouble>): Promise<void> {
    return this.#change((known) => {
      let changed = false;
      for (const [key, incident] of known) {
        if (incident.kind === kind && !found.has(incident.subject)) changed = known.delete(key) || changed;
      }
      for (const [subject, trouble] of found) changed = this.#put(known, kind, subject, trouble) || changed;
      return changed;
    });
  }

  #put(known: Map<string, Incident>, kind: IncidentKind, subject: string, trouble: Trouble): boolean {
    const key = keyOf(kind, subject);
    const before = known.get(key);
    if (before?.code === trouble.code && before.message === trouble.message) return false;
    const since = before?.code === trouble.code ? before.since : new Date(this.#now()).toISOString();
    known.set(key, { role: this.role, kind, subject, ...trouble, since });
    return true;
  }

  /** Where the disk is full, the change is kept in memory, and the next change writes it. */
  #change(edit: (known: Map<string, Incident>) => boolean): Promise<void> {
    const turn = this.#turn.then(async () => {
      this.#known ??= incidentsOf(this.#store, this.role).then(
        (before) => new Map(before.map((incident) => [keyOf(incident.kind, incident.subject), incident])),
      );
      const known = await this.#known;
      if (!edit(known)) return;
      await this.#store.replace(
        layout.incidentsOf(this.role),
        JSON.stringify({ format: 1, incidents: [...known.values()] }),
      );
    });
    this.#turn = turn.catch(() => undefined);
    return this.#turn;
  }
}

/** @returns those of all roles, the oldest first */
export async function incidentsIn(store: Store): Promise<Incident[]> {
  const names = await store.list(layout.incidents);
  const all = await Promise.all(names.map((name) => incidentsOf(store, name.replace(/\.json$/, ""))));
  return all.flat().sort((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
}

/** An error's code and its one line. */
export function troubleOf(error: unknown): Trouble {
  return error instanceof TidemarkError
    ? { code: error.code, message: error.line }
    : { code: "INTERNAL", message: messageOf(error) };
}

function keyOf(kind: IncidentKind, subject: string): string {
  return `${kind} ${subject}`;
}

async function incidentsOf(store: Store, role: string): Promise<Incident[]> {
  try {
    const text = await store.read(layout.incidentsOf(role));
    return text ? (JSON.parse(text.toString()) as { incidents: Incident[] }).incidents : [];
  } catch {
    // torn by a crash: the role raises again what still holds
    return [];
  }
}
