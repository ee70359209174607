/**
 * Answers questions for single rows by key, which take DuckDB a millisecond with any index. A file holds the rows at
 * the version's cut; rows that the delta touches are overlaid in memory, and recomputed in one query as entries arrive.
 * A model answers only at exactly the position of its rows; DuckDB answers everything else.
 */
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";
import type { ParsedQuestion } from "../question/query.ts";
import type { Follower } from "../snapshot/follower.ts";
import type { ServedVersion, ServedView } from "../snapshot/loaded.ts";
import { versionName } from "../snapshot/name.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { modelledViews, VersionModels } from "./version-models.ts";

/** Between two polls; and the pause after a poll, as a multiple of the time that it took. */
const everyMs = 15;
const restShare = 4;

/** How long a newer version waits for its models before it is served without them. */
const holdMsMax = 60_000;

interface ReadModelsOptions {
  readonly store: Store;
  readonly follower: Follower;
  /** A session of its own. */
  readonly session: Session;
  /** Memory for rows that the delta touches, of all versions and views together. */
  readonly bytesMax: number;
  readonly say: (line: string) => void;
  /** Monotonic, ms. */
  readonly clock?: () => number;
}

/** The models of the version that is served and of the one that is served next. */
export class ReadModels {
  readonly #options: ReadModelsOptions;
  readonly #budget: MemoryBudget;
  readonly #clock: () => number;
  #models: VersionModels[] = [];
  /** The served version after which another waits for its models, and since when. */
  #held: { readonly served: string; readonly since: number } | null = null;

  constructor(options: ReadModelsOptions) {
    this.#options = options;
    this.#budget = new MemoryBudget(options.bytesMax);
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** See VersionModels.lookup. */
  lookup(served: ServedVersion, view: ServedView, question: ParsedQuestion): string | null | undefined {
    return this.#of(served.manifest)?.lookup(served, view, question);
  }

  /** The number of views of the served version that have a model. */
  get ready(): number {
    return this.#of(this.#options.follower.manifest)?.views ?? 0;
  }

  async run(signal: AbortSignal): Promise<void> {
    let complaint = "";
    while (!signal.aborted) {
      const began = this.#clock();
      const failure = await this.poll().then(
        () => "",
        (error: unknown) => messageOf(error),
      );
      if (failure !== "" && failure !== complaint)
        this.#options.say(`serve: read models failed, DuckDB answers single rows: ${failure}`);
      complaint = failure;
      await pause(Math.max(everyMs, (this.#clock() - began) * restShare), signal);
    }
  }

  /** Follows the served version, one step. */
  async poll(): Promise<void> {
    const { follower, session } = this.#options;
    const { manifest, upcoming } = follower;
    await this.#keep(upcoming ? [manifest, upcoming] : [manifest]);
    for (const pin of [() => follower.pin(), () => follower.pinNext()]) {
      using served = pin();
      if (served) await this.#of(served.manifest)?.follow(session, served);
    }
  }

  /**
   * False while a version should wait for its models: served now, it would have DuckDB answer single rows that the
   * served version's models answer.
   */
  isReadyFor(next: VersionManifest): boolean {
    const { manifest } = this.#options.follower;
    const now = this.#of(manifest);
    const known = new Map(manifest.definition.views.map(({ name, identity }) => [name, identity]));
    const same = (view: ViewDefinition) => known.get(view.name) === view.identity && now?.has(view.name);
    if (next.definition.views.length !== known.size || !modelledViews(next).every(same)) return true;
    const served = versionName(manifest);
    if (this.#held?.served !== served) this.#held = { served, since: this.#clock() };
    return this.#clock() - this.#held.since > holdMsMax || (this.#of(next)?.isReady ?? false);
  }

  async close(): Promise<void> {
    await this.#keep([]);
  }

  #of(manifest: VersionManifest): VersionModels | undefined {
    const name = versionName(manifest);
    return this.#models.find((models) => models.name === name);
  }

  /** Keeps models of these versions, builds missing ones and closes all others. */
  async #keep(wanted: readonly VersionManifest[]): Promise<void> {
    const names = wanted.map(versionName);
    const others = this.#models.filter(({ name }) => !names.includes(name));
    this.#models = this.#models.filter((models) => !others.includes(models));
    for (const models of others) await models.close();
    const { store, say } = this.#options;
    for (const manifest of wanted)
      if (!this.#of(manifest))
        this.#models.push(await VersionModels.build(manifest, { store, budget: this.#budget, say }));
  }
}
