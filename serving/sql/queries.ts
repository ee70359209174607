/** SQL over the views of one snapshot, run by children. */

import { rm } from "node:fs/promises";
import { fold } from "../../shared/duckdb/fold.ts";
import { isCode } from "../../shared/errors.ts";
import { namesIn } from "../../shared/names.ts";
import { pause } from "../../shared/pause.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { Answering } from "../answer.ts";
import type { Meta } from "../client/meta.ts";
import type { Format } from "../rows/formats.ts";
import { unanswerable } from "../snapshot/answerable.ts";
import type { Served } from "../snapshot/loaded.ts";
import { metaOf } from "../snapshot/meta.ts";
import { snapshotName } from "../snapshot/name.ts";
import type { QueryChild } from "./child-process.ts";
import { Children } from "./children.ts";
import { Pins } from "./pinned.ts";
import { type ChildView, failureOf, type QueryParam } from "./protocol.ts";

export interface QueryLimits {
  /** Of a query, once it runs. */
  readonly secondsMax: number;
  /** DuckDB's own limit in a child. */
  readonly memory: string;
  /** Of a child's process, bytes. */
  readonly residentMax: number;
  readonly rowsMax: number;
  /** Of an encoded answer. */
  readonly bytesMax: number;
  /** Queries that run at a time. */
  readonly children: number;
}

export const queryLimits: QueryLimits = {
  secondsMax: 10,
  memory: "256MB",
  residentMax: 768 << 20,
  rowsMax: 100_000,
  bytesMax: 16 << 20,
  children: 2,
};

/** Tries, where compaction replaces files between the look at a snapshot and the pin. */
const triesMax = 5;
/** A few looks of the follower. */
const retryMs = 100;

export interface QueryAnswer {
  readonly meta: Meta;
  readonly snapshot: string;
  readonly body: Buffer;
}

export class Queries {
  readonly #answering: Answering;
  readonly #limits: QueryLimits;
  readonly #children: Children;
  readonly #pins: Pins;

  constructor(answering: Answering, limits: QueryLimits, say: (line: string) => void) {
    this.#answering = answering;
    this.#limits = limits;
    const { children: size, secondsMax, residentMax } = limits;
    this.#children = new Children({ size, secondsMax, residentMax, say });
    this.#pins = new Pins(answering.store, say);
  }

  /**
   * One query of a client runs at a time.
   * @throws QUERY_FAILED, QUERY_REFUSED, QUERY_LIMIT, SERVE_BUSY; a view's own failure where it is used; STORE_*
   */
  async answer(
    asker: Asker,
    sql: string,
    params: readonly QueryParam[],
    format: Format,
    stop: AbortSignal,
  ): Promise<QueryAnswer> {
    const signal = AbortSignal.any([asker.gone, stop]);
    // the snapshot once it is its turn: who waits holds nothing
    return this.#children.lend({ ...asker, gone: signal }, (child) => this.#answer(child, sql, params, format, signal));
  }

  async #answer(
    child: QueryChild,
    sql: string,
    params: readonly QueryParam[],
    format: Format,
    signal: AbortSignal,
  ): Promise<QueryAnswer> {
    const { follower } = this.#answering;
    for (let tries = 1; ; tries++) {
      const served = follower.pin();
      try {
        const meta = await metaOf(served, this.#answering);
        const body = await this.#ask(child, served, sql, params, format, meta, signal);
        return { meta, snapshot: snapshotName(served), body };
      } catch (error) {
        if (!isCode(error, "STORE_MISSING") || tries === triesMax) throw error;
        this.#pins.close();
      } finally {
        served.release();
      }
      await pause(retryMs, signal);
    }
  }

  async close(): Promise<void> {
    this.#pins.close();
    await this.#children.close();
  }

  async #ask(
    child: QueryChild,
    served: Served,
    sql: string,
    params: readonly QueryParam[],
    format: Format,
    meta: Meta,
    signal: AbortSignal,
  ): Promise<Buffer> {
    // only the child parses: what the text does not even mention it can't read
    const names = namesIn(sql);
    const mentioned = [...served.views.values()].filter(({ definition }) => names.has(fold(definition.name)));
    // of one that has no answer there may be no files, and it may be mentioned without being read
    const pinned = await this.#pins.pin(
      served,
      mentioned.filter((view) => !unanswerable(view)).map(({ definition }) => definition.name),
    );
    const scratch = this.#answering.store.scratch("answer");
    try {
      const views = mentioned.map((view): ChildView => {
        const failure = unanswerable(view);
        const files = pinned.files.get(view.definition.name) ?? [];
        return { definition: view.definition, failure: failure && failureOf(failure), files };
      });
      const { memory, rowsMax, bytesMax } = this.#limits;
      const { timezone } = served.manifest.definition;
      const limits = { memory, rowsMax, bytesMax };
      const ask = {
        sql,
        params,
        timezone,
        names: [...served.views.keys()],
        views,
        mediaType: format.mediaType.split(";")[0]!,
        meta,
        limits,
        scratch,
      };
      return await child.ask(ask, signal);
    } finally {
      // a child that was killed leaves it
      await rm(scratch, { force: true }).catch(() => undefined);
      pinned.release();
    }
  }
}
