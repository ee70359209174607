/** PostgreSQL's positions in its WAL: 64-bit numbers, written as two halves in hex. */

/** All changes of a transaction have one. */
let last = { lsn: 0n, text: "0/0" };

export function lsnText(lsn: bigint): string {
  if (lsn !== last.lsn) last = { lsn, text: `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}` };
  return last.text;
}

/** A snapshot's is compared with all that is committed after it. */
let read = { text: "0/0", lsn: 0n };

export function lsnOf(text: string): bigint {
  if (text !== read.text) read = { text, lsn: parsed(text) };
  return read.lsn;
}

function parsed(text: string): bigint {
  const [match, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text) ?? [];
  if (match === undefined) throw new RangeError(`not an LSN: ${text}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function hex(half: bigint): string {
  return half.toString(16).toUpperCase();
}
