import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openTable } from "../cli/input/table.ts";
import type { StreamDefinition } from "../shared/definition.ts";

/** The demo's project folder, from the sources and from the built files alike. */
export const flightsProject = above("demo/flights/tidemark.config.ts", "demo/flights");

/** 3,000,000 flights, 13 MB, from the npm package vega-datasets. */
export const flightsFile = above(
  "node_modules/vega-datasets/data/flights-3m.parquet",
  "node_modules/vega-datasets/data/flights-3m.parquet",
);

function above(sought: string, wanted: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, sought))) return join(folder, wanted);
    if (folder === dirname(folder)) throw new Error(`cannot find ${sought}; run: npm ci`);
  }
}

/** The flights as JSON events, in the file's order, taken as many at a time as asked for. */
export class Flights {
  readonly count: number;
  readonly #events: AsyncGenerator<Buffer[]>;
  #rest: Buffer[] = [];

  private constructor(count: number, events: AsyncGenerator<Buffer[]>) {
    this.count = count;
    this.#events = events;
  }

  static async open(stream: StreamDefinition): Promise<Flights> {
    const { count, events } = await openTable(flightsFile, "parquet", stream);
    return new Flights(count ?? 0, events);
  }

  /** The next flights, at most `wanted`; none at the end. */
  async take(wanted: number): Promise<Buffer[]> {
    if (this.#rest.length === 0) this.#rest = (await this.#events.next()).value ?? [];
    const taken = this.#rest.slice(0, wanted);
    this.#rest = this.#rest.slice(taken.length);
    return taken;
  }

  async close(): Promise<void> {
    await this.#events.return(undefined);
  }
}
