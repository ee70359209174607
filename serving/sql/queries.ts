/** SQL over the views of one snapshot, run by child processes. */
import { rm } from "node:fs/promises";
import { fold } from "../../shared/duckdb/fold.ts";
import { isCode } from "../../shared/errors.ts";
import { namesIn } from "../../shared/names.ts";
import { pause } from "../../shared/pause.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { Meta } from "../client/meta.ts";
import type { AnswerFormat } from "../rows/formats.ts";
import { unanswerable } from "../snapshot/answerable.ts";
import type { Follower } from "../snapshot/follower.ts";
import type { ServedVersion } from "../snapshot/loaded.ts";
import { type MetaSources, metaOf } from "../snapshot/meta.ts";
import { snapshotName } from "../snapshot/name.ts";
import type { QueryChild } from "./child-process.ts";
import { Children } from "./children.ts";
import { Pins } from "./pinned.ts";
import { type ChildView, failureFrom, type QueryParam } from "./protocol.ts";

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

/** Attempts, where compaction replaces files between reading a snapshot and pinning it. */
const triesMax = 5;
/** A few polls of the follower. */
const retryMs = 100;

export interface QueryAnswer {
  readonly meta: Meta;
  readonly snapshot: string;
  readonly body: Buffer;
}

export interface QueriesOptions extends MetaSources {
  readonly store: Store;
  readonly follower: Follower;
  readonly limits: QueryLimits;
  readonly say: (line: string) => void;
}

/** One query, not parsed yet: only the child parses it. */
export interface QueryRequest {
  readonly sql: string;
  readonly params: readonly QueryParam[];
  readonly format: AnswerFormat;
}

export class SqlQueries {
  readonly #options: QueriesOptions;
  readonly #children: Children;
  readonly #pins: Pins;

  constructor(options: QueriesOptions) {
    this.#options = options;
    const { store, say } = options;
    const { children: size, secondsMax, residentMax } = options.limits;
    this.#children = new Children({ size, secondsMax, residentMax, say });
    this.#pins = new Pins(store, say);
  }

  /**
   * One query of a client runs at a time.
   * @throws QUERY_FAILED, QUERY_REFUSED, QUERY_LIMIT, SERVE_BUSY; a view's own failure where it is used; STORE_*
   */
  async answer(asker: Asker, asked: QueryRequest, stop: AbortSignal): Promise<QueryAnswer> {
    const signal = AbortSignal.any([asker.gone, stop]);
    // pins the snapshot when it is its turn, so that a waiting query holds nothing
    return this.#children.lend({ ...asker, gone: signal }, (child) => this.#answer(child, asked, signal));
  }

  async #answer(child: QueryChild, asked: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    for (let tries = 1; ; tries++) {
      try {
        using served = this.#options.follower.pin();
        const meta = await metaOf(served, this.#options);
        const body = await this.#ask(child, served, asked, meta, signal);
        return { meta, snapshot: snapshotName(served), body };
      } catch (error) {
        if (!isCode(error, "STORE_MISSING") || tries === triesMax) throw error;
        this.#pins.close();
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
    served: ServedVersion,
    { sql, params, format }: QueryRequest,
    meta: Meta,
    signal: AbortSignal,
  ): Promise<Buffer> {
    // only the child parses the text; a view that the text does not even mention can't be read by it
    const names = namesIn(sql);
    const mentioned = [...served.views.values()].filter(({ definition }) => names.has(fold(definition.name)));
    // a view without an answer may have no files, and may be mentioned without being read
    using pinned = await this.#pins.pin(
      served,
      mentioned.filter((view) => !unanswerable(view)).map(({ definition }) => definition.name),
    );
    const scratch = this.#options.store.scratch("answer");
    try {
      const views = mentioned.map((view): ChildView => {
        const failure = unanswerable(view);
        const files = pinned.files.get(view.definition.name) ?? [];
        return { definition: view.definition, failure: failure && failureFrom(failure), files };
      });
      const { memory, rowsMax, bytesMax } = this.#options.limits;
      const { timezone } = served.manifest.definition;
      const limits = { memory, rowsMax, bytesMax };
      const known = [...served.views.keys()];
      const mediaType = format.mediaType.split(";")[0]!;
      return await child.ask({ sql, params, timezone, names: known, views, mediaType, meta, limits, scratch }, signal);
    } finally {
      // a child that was killed leaves it behind
      await rm(scratch, { force: true }).catch(() => undefined);
    }
  }
}
