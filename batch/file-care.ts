/** Repairs damage while no run is under way: restores files kept twice, recomputes damaged views and lost versions. */
import { damagesOf } from "../shared/store/damage.ts";
import { FileWatch, fileTroubles } from "../shared/store/file-troubles.ts";
import { troubleOf } from "../shared/store/incidents.ts";
import { lostVersions, newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { mendFlaws } from "./mending.ts";
import { runRepair } from "./repair.ts";
import type { Turns } from "./turns.ts";

/** How long to wait before retrying a run that replaces an unreadable version. */
const lostAgainMs = 60_000;

export class FileCare {
  readonly #batch: Batch;
  readonly #turns: Turns;
  readonly #recompute: () => Promise<void>;
  readonly #published: (result: BatchResult, why: string) => void;
  readonly #watch: FileWatch;
  #lostAt = Number.NEGATIVE_INFINITY;
  #isMending = false;

  /**
   * @param recompute makes a version to replace an unreadable one
   * @param published called with the version in which damaged views were recomputed
   */
  constructor(
    batch: Batch,
    turns: Turns,
    recompute: () => Promise<void>,
    published: (result: BatchResult, why: string) => void,
  ) {
    this.#batch = batch;
    this.#turns = turns;
    this.#recompute = recompute;
    this.#published = published;
    this.#watch = new FileWatch(batch.store);
  }

  /** Restores files kept twice, reports damaged files, and starts a run to replace a lost version. */
  async mend(): Promise<void> {
    const { store, say } = this.#batch;
    const flaws = await this.#report();
    for (const [name, each] of flaws) await mendFlaws(store, name, each, say);
    if (flaws.size > 0) await this.#report();
    const [lost] = await lostVersions(store);
    if (!lost || performance.now() - this.#lostAt < lostAgainMs) return;
    this.#lostAt = performance.now();
    say(`version ${lost.number} can't be read: ${lost.why}; a new one is being computed`);
    void this.#recompute();
  }

  /** Like `mend`, and recomputes damaged views of the newest version. */
  async repair(): Promise<void> {
    if (this.#turns.areTaken || this.#isMending) return;
    this.#isMending = true;
    await this.mend().finally(() => {
      this.#isMending = false;
    });
    const { store } = this.#batch;
    const newest = await newestVersion(store).catch(unlessCorrupt);
    if (this.#turns.areTaken || !newest || (await damagesOf(store, newest.number)).length === 0) return;
    await this.#turns.take("repair", async () => {
      const result = await runRepair(this.#batch);
      if (result) this.#published(result, "damaged views were recomputed: ");
    });
  }

  async #report(): Promise<Awaited<ReturnType<FileWatch["flaws"]>>> {
    const { store, incidents } = this.#batch;
    const flaws = await this.#watch.flaws();
    const troubles = await fileTroubles(store, flaws);
    for (const error of this.#turns.damaged) troubles.set(String(error.facts.file), troubleOf(error));
    await incidents.settle("file-damaged", troubles);
    return flaws;
  }
}
