/** A place in a PostgreSQL server's history, as records of changelogs have it. */
import { lsnOf, lsnText } from "./postgres/lsn.ts";

export interface LsnPlace {
  /** Which slot it came from: LSNs of different ones are not compared, since a server may be another than before. */
  readonly epoch: number;
  /** Of the commit; of a snapshot's row, what the snapshot is of. */
  readonly lsn: bigint;
  /** Of the change in its transaction, from 1; 0: a snapshot's row. */
  readonly n: number;
  /** Of several records of one change. */
  readonly part: number;
}

export function lsnPlaceText({ epoch, lsn, n, part }: LsnPlace): string {
  return `${epoch}:${lsnText(lsn)}.${n}${part === 0 ? "" : `.${part}`}`;
}

/** A partition's last place is compared with all that is appended at once, so few are read again and again. */
const known = new Map<string, LsnPlace | null>();
const knownMax = 1000;

function lsnPlaceOf(text: string): LsnPlace | null {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= knownMax) known.clear();
  const place = readPlace(text);
  known.set(text, place);
  return place;
}

function readPlace(text: string): LsnPlace | null {
  const [, epoch, lsn, n, part] = /^(\d+):([0-9A-F]+\/[0-9A-F]+)\.(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  return epoch === undefined ? null : { epoch: Number(epoch), lsn: lsnOf(lsn!), n: Number(n), part: Number(part ?? 0) };
}

/** Whether a changelog whose last record came from there has a change already. @param last a place's text; "": none */
export function isBehind(next: LsnPlace, last: string): boolean {
  const before = lsnPlaceOf(last);
  if (!before || before.epoch !== next.epoch) return false;
  if (next.lsn !== before.lsn) return next.lsn < before.lsn;
  return next.n !== before.n ? next.n < before.n : next.part <= before.part;
}
