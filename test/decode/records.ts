/** Record batches and decoded rows for the decoder's tests. */
import { Decoder } from "../../shared/decode/decode.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { Duck, type DuckOptions, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";

export type Value = string | Buffer | null;

/** Records of one partition whose offsets have gaps, as Kafka's have. */
export function batchOf(values: readonly Value[], partition = 0, from = 0): ArrayBatch {
  const records = values.map((value, i) => ({
    offset: from + i * 3,
    timestamp: 1_000_000_000_000 + i,
    key: null,
    value: typeof value === "string" ? Buffer.from(value) : value,
  }));
  return new ArrayBatch(partition, from, from + values.length * 3 + 1, records);
}

export class DecodeBench {
  readonly #duck: Duck;
  readonly session: Session;
  readonly #stream: StreamDefinition;
  readonly decoder: Decoder;

  private constructor(duck: Duck, session: Session, stream: StreamDefinition) {
    this.#duck = duck;
    this.session = session;
    this.#stream = stream;
    this.decoder = new Decoder(session, stream);
  }

  static async open(stream: StreamDefinition, options: DuckOptions = {}): Promise<DecodeBench> {
    const duck = await Duck.open(options);
    return new DecodeBench(duck, await duck.session(), stream);
  }

  /** Dead letters as `partition:offset reason`, and the good rows, every field as text. */
  async decode(...batches: readonly ArrayBatch[]): Promise<{ dead: string[]; rows: Record<string, string | null>[] }> {
    const decoded = await this.decoder.decode(batches);
    const fields = this.#stream.fields.map(({ name }) => `${quoteName(name)}::VARCHAR AS ${quoteName(name)}`);
    const rows = await this.session.rows(`SELECT ${fields.join(", ")} FROM (${await decoded.select()})`);
    await decoded.close();
    return {
      dead: decoded.dead.map(({ partition, offset, reason }) => `${partition}:${offset} ${reason}`),
      rows: rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
      ),
    };
  }

  close(): void {
    this.session.close();
    this.#duck.close();
  }
}
