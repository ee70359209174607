/** PostgreSQL's positions in its WAL: 64-bit numbers, written as two halves in hex. */

export function lsnText(lsn: bigint): string {
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}`;
}

export function lsnOf(text: string): bigint {
  const [match, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text) ?? [];
  if (match === undefined) throw new RangeError(`not an LSN: ${text}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function hex(half: bigint): string {
  return half.toString(16).toUpperCase();
}
