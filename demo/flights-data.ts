import { parquetRows } from "../cli/input/parquet.ts";
import type { Input } from "../cli/input/row.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { inCheckout } from "./checkout.ts";

/** The demo's project folder, found from the sources and from the built files. */
export const flightsProject = inCheckout("demo/flights", "demo/flights/tidemark.config.ts");

/** 3,000,000 flights, 13 MB, from the npm package vega-datasets. */
export const flightsFile = inCheckout("node_modules/vega-datasets/data/flights-3m.parquet");

/** The flights as JSON events, in the file's order. */
export class Flights {
  readonly count: number;
  readonly #rows: Input["rows"];
  #rest: Buffer[] = [];

  private constructor(count: number, rows: Input["rows"]) {
    this.count = count;
    this.#rows = rows;
  }

  static async open(stream: StreamDefinition): Promise<Flights> {
    const { count, rows } = await parquetRows(flightsFile, stream);
    return new Flights(count ?? 0, rows);
  }

  /** The next flights, at most `wanted`; none at the end. */
  async take(wanted: number): Promise<Buffer[]> {
    if (this.#rest.length === 0) {
      const next = await this.#rows.next();
      this.#rest = next.done ? [] : next.value.map(({ value }) => value);
    }
    const taken = this.#rest.slice(0, wanted);
    this.#rest = this.#rest.slice(taken.length);
    return taken;
  }

  async close(): Promise<void> {
    await this.#rows.return(undefined);
  }
}
