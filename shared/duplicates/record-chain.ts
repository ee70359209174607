/**
 * The chain of a changelog: which of its records count. What a record says of a row before its change is right only
 * after all records that its writer knew of, and no other. So the records that count are numbered, and each writer
 * says in the request id of its records from which number on it writes: how many it knew of. A record counts where it
 * has the next number and is of the last writer, or of one that began there. A writer that was stopped and goes on
 * behind another's back, or two at a time, append records that no reader counts.
 */

/** The last record that counted: who wrote it, and the number of the record that may come next. */
export interface ChainEnd {
  /** "": none has counted yet. */
  readonly writer: string;
  readonly next: number;
}

/** What a writer's records carry. */
interface Link {
  readonly writer: string;
  /** The number of its first record. */
  readonly from: number;
}

export const chainStart: ChainEnd = { writer: "", next: 0 };
const pattern = /^chain:([\w-]{1,64}):(\d{1,16})$/;

/** The request id of records that go on after `end`. @param writer a name that no other writer has had */
export function requestOfWriter(writer: string, end: ChainEnd): string {
  return `chain:${writer}:${end.next}`;
}

function linkOf(request: string): Link | null {
  const [, writer, from] = pattern.exec(request) ?? [];
  return writer === undefined ? null : { writer, from: Number(from) };
}

/** The end of a chain whose last record carries this. */
export function endAfter(request: string, sequence: number): ChainEnd | null {
  const link = linkOf(request);
  return link && { writer: link.writer, next: sequence + 1 };
}

export class RecordChain {
  /** Null: not known, since records before it are lost; the next record that comes is taken for good. */
  end: ChainEnd | null = chainStart;
  #request = "";
  #link: Link | null = null;

  /** @returns whether the record goes on after the last one that counted, which it then is itself */
  take(request: string, sequence: number): "counts" | "repeated" | "fenced" {
    const link = this.#linkOf(request);
    if (!link) return "fenced";
    const { end } = this;
    if (end) {
      const isLast = link.writer === end.writer;
      if (isLast && sequence < end.next) return "repeated";
      if (sequence !== end.next || !(isLast || link.from === end.next)) return "fenced";
    }
    this.end = { writer: link.writer, next: sequence + 1 };
    return "counts";
  }

  #linkOf(request: string): Link | null {
    if (request !== this.#request) {
      this.#request = request;
      this.#link = linkOf(request);
    }
    return this.#link;
  }
}
