/**
 * Finds the records that would become dead letters before they are appended, with the same decoder
 * that the archive and speed use.
 */
import { Decoder } from "../shared/decode/decode.ts";
import { Shapes } from "../shared/decode/shape.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { ArrayBatch } from "../shared/log/batch.ts";

export class Judge {
  readonly #shapes: Shapes | null;
  readonly #decoder: Decoder;

  /** @param session its time zone is the one that the stream is read in */
  constructor(session: Session, stream: StreamDefinition) {
    // shapes are proved on fields before an upcast, which may change any of them
    this.#shapes = stream.upcast === null ? new Shapes(stream.fields) : null;
    this.#decoder = new Decoder(session, stream);
  }

  /** @returns the reason why a value is not a valid event, by index */
  async faults(values: readonly Buffer[]): Promise<ReadonlyMap<number, string>> {
    if (values.length === 0) return new Map();
    const records = values.map((value, offset) => ({ offset, timestamp: 0, key: null, value }));
    const batch = new ArrayBatch(0, 0, values.length, records);
    if (this.#shapes?.prove(batch)) return new Map();
    return faultsIn(this.#decoder, batch);
  }
}

/** @returns the reason why a record is not a valid event, by offset */
export async function faultsIn(decoder: Decoder, batch: ArrayBatch): Promise<ReadonlyMap<number, string>> {
  const decoded = await decoder.decode([batch]);
  await decoded.close();
  return new Map(decoded.dead.map(({ offset, reason }) => [offset, reason]));
}
