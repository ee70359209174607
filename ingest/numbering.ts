import type { NewRecord, RequestId } from "../shared/log/log.ts";
import { Partitioner } from "../shared/log/partitioner.ts";

/**
 * The records of one request, each with its partition and its number there. Made again from the same events in the same
 * order, each has the number that it had, also where some are not appended: what arrived before does not count twice.
 */
export class Numbering {
  readonly #request: string;
  readonly #partitioner: Partitioner;
  /** Of each partition, how many records were made for it. */
  readonly #made = new Map<number, number>();

  constructor(request: string, partitions: number) {
    this.#request = request;
    this.#partitioner = new Partitioner(partitions);
  }

  /** @param value null: nothing is appended; its number is taken all the same */
  record(key: Buffer | null, value: Buffer | null): NewRecord & { readonly id: RequestId } {
    const record = this.#partitioner.record(key, value);
    const sequence = this.#made.get(record.partition) ?? 0;
    this.#made.set(record.partition, sequence + 1);
    return { ...record, id: { request: this.#request, sequence } };
  }
}
