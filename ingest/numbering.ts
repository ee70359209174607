import type { NewRecord, RequestId } from "../shared/log/log.ts";
import { Partitioner } from "../shared/log/partitioner.ts";

/**
 * The records of one request, each with its partition and its number there. The same events in the same order get the
 * same numbers again, even if some are not appended, so that a record that had arrived before does not count twice.
 */
export class Numbering {
  readonly #request: string;
  readonly #partitioner: Partitioner;
  /** The number of records so far, by partition. */
  readonly #counts = new Map<number, number>();

  constructor(request: string, partitions: number) {
    this.#request = request;
    this.#partitioner = new Partitioner(partitions);
  }

  /** @param value null: nothing is appended, but the number is used up */
  record(key: Buffer | null, value: Buffer | null): NewRecord & { readonly id: RequestId } {
    const record = this.#partitioner.record(key, value);
    const sequence = this.#counts.get(record.partition) ?? 0;
    this.#counts.set(record.partition, sequence + 1);
    return { ...record, id: { request: this.#request, sequence } };
  }
}
