/** Notes how far changelogs are with their source, for those who wait for it. */
import type { Log, LogStream } from "../shared/log/log.ts";
import { formatPosition, type Position } from "../shared/position.ts";
import { controlOf, progressRecord, type SourceProgress } from "../shared/source-progress.ts";

/** Records that stay: those that are waited for are among the last. */
const keptRecords = 1000;

export class ProgressNotes {
  readonly #log: Log;
  readonly #control: LogStream;
  #ensured: Promise<unknown> | null = null;
  #last = "";
  #noted = 0;

  /** @param name of a source, or of a changelog that has none */
  constructor(log: Log, project: string, name: string) {
    this.#log = log;
    this.#control = controlOf(project, name);
  }

  /** Everything up to `at` is below the position. Nothing is appended where that was noted last. */
  async note(at: SourceProgress["at"], position: Position): Promise<void> {
    const progress = { at, position: formatPosition(position) };
    const text = JSON.stringify(progress);
    if (text === this.#last) return;
    this.#ensured ??= this.#log.ensure(this.#control);
    await this.#ensured;
    const ends = await this.#log.append(this.#control, [{ partition: 0, key: null, value: progressRecord(progress) }]);
    this.#last = text;
    if (++this.#noted % keptRecords === 0)
      await this.#log.trim(this.#control, new Map([[0, ends.get(0)! - keptRecords]]));
  }
}
