/** What one statement is sent. */
const batchRows = 1000;
const batchBytes = 4 << 20;

export function* batches<T>(all: readonly T[], bytesOf: (each: T) => number): Generator<readonly T[]> {
  let [some, bytes]: [T[], number] = [[], 0];
  for (const each of all) {
    some.push(each);
    bytes += bytesOf(each);
    if (some.length < batchRows && bytes < batchBytes) continue;
    yield some;
    [some, bytes] = [[], 0];
  }
  if (some.length > 0) yield some;
}
