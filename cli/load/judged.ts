/** The files' rows, each with the verdict of the stream's decoder. */

import { Judge } from "../../ingest/judge.ts";
import { isChangelog, SentChanges } from "../../ingest/sent-changes.ts";
import { decoderOf } from "../../shared/archive/segments.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import type { Project } from "../../shared/project/project.ts";
import type { Store } from "../../shared/store/store.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { Context } from "../context.ts";
import { type InputOptions, openInput } from "../input/input.ts";
import type { Input, Row } from "../input/row.ts";
import { nameOf } from "../input/source.ts";
import { openProgress } from "../progress.ts";

/** A row of a file; reason: why it is not a valid event, or null. */
export interface JudgedRow {
  readonly file: string;
  readonly unit: Input["unit"];
  readonly row: Row;
  readonly reason: string | null;
}

const groupRows = 8192;
const groupBytes = 4 << 20;

/** The rows as they are read, in groups, with a progress bar. */
export async function* rowsIn(
  context: Context,
  stream: StreamDefinition,
  files: readonly string[],
  options: InputOptions,
): AsyncGenerator<JudgedRow[]> {
  for (const file of files) {
    const { unit, count, rows } = await openInput(file, stream, options);
    const progress = openProgress(context.progress, nameOf(file), "events", count);
    try {
      for await (const some of rows) {
        context.signal.throwIfAborted();
        yield some.map((row) => ({ file, unit, row, reason: row.reason ?? null }));
        progress.add(some.length);
      }
    } finally {
      progress.stop();
    }
  }
}

/**
 * Judges rows by the project's definition of the stream, and by that of the newest version, which decodes the log until
 * the next version is published.
 */
export class Judges {
  readonly #duck: Duck;
  readonly #judges: readonly Judge[];
  /** Of a changelog: what is appended is not the rows themselves. */
  readonly #changes: SentChanges | null;

  private constructor(duck: Duck, judges: readonly Judge[], changes: SentChanges | null) {
    this.#duck = duck;
    this.#judges = judges;
    this.#changes = changes;
  }

  static async open(project: Project, store: Store, stream: StreamDefinition): Promise<Judges> {
    const definition = (await newestVersion(store))?.definition;
    const live = definition?.streams.find(({ name }) => name === stream.name);
    const duck = await Duck.open({ memoryLimit: "1GB" });
    if (isChangelog(stream)) {
      const changes = new SentChanges(await duck.session(project.batch.timezone), stream);
      return new Judges(duck, [], changes);
    }
    const judges = [new Judge(await duck.session(project.batch.timezone), stream)];
    const { timezone } = definition ?? project.batch;
    if (live && (decoderOf(live) !== decoderOf(stream) || timezone !== project.batch.timezone))
      judges.push(new Judge(await duck.session(timezone), live));
    return new Judges(duck, judges, null);
  }

  /** In groups, since judging takes a query each. */
  async *judge(rows: AsyncIterable<readonly JudgedRow[]>): AsyncGenerator<JudgedRow[]> {
    let group: JudgedRow[] = [];
    let bytes = 0;
    for await (const some of rows) {
      for (const each of some) {
        group.push(each);
        bytes += each.row.value.length;
        if (group.length < groupRows && bytes < groupBytes) continue;
        yield await this.#judged(group);
        group = [];
        bytes = 0;
      }
    }
    if (group.length > 0) yield await this.#judged(group);
  }

  close(): void {
    this.#duck.close();
  }

  async #judged(group: readonly JudgedRow[]): Promise<JudgedRow[]> {
    const judged = [...group];
    const open = group.flatMap(({ reason }, at) => (reason === null ? [at] : []));
    const values = open.map((at) => group[at]!.row.value);
    for (const [index, read] of ((await this.#changes?.read(values)) ?? []).entries()) {
      const each = group[open[index]!]!;
      const isGood = "value" in read;
      judged[open[index]!] = isGood ? { ...each, row: { ...each.row, value: read.value } } : { ...each, ...read };
    }
    for (const judge of this.#judges)
      for (const [index, reason] of await judge.faults(values)) {
        const at = open[index]!;
        judged[at] = { ...group[at]!, reason };
      }
    return judged;
  }
}
