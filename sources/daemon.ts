/**
 * The daemon that writes changelogs: what HTTP and load have sent to them, and what their sources say. It follows the
 * newest version, whose streams it writes.
 */
import { join } from "node:path";
import { isChangelog } from "../ingest/sent-changes.ts";
import type { ChangelogStream, Definition, TopicOrigin } from "../shared/definition.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { Spill } from "../shared/duplicates/spill.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { pause } from "../shared/pause.ts";
import type { SourceSection } from "../shared/project/sources.ts";
import { inputOf } from "../shared/reserved.ts";
import { Incidents } from "../shared/store/incidents.ts";
import { logStream, originOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { archivedRows } from "./archived-rows.ts";
import { ChangelogWriter } from "./changelog-writer.ts";
import { Control } from "./control.ts";
import { verifySource } from "./operations.ts";
import type { Finding } from "./postgres/checks.ts";
import { PostgresFollower } from "./postgres-follower.ts";
import { RowFile } from "./row-file.ts";
import { verifyOnSchedule } from "./scheduled-verify.ts";
import { type InputCounts, SentInput } from "./sent-input.ts";
import { TopicInput } from "./topic-input.ts";

export interface SourcesOptions {
  readonly store: Store;
  readonly log: Log;
  /** The project's name. */
  readonly project: string;
  /** Databases that streams follow. */
  readonly sources: readonly SourceSection[];
  /** A folder of this machine for the rows of changelogs; derived from the log. */
  readonly folder: string;
  readonly memoryLimit: string;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Before the next attempt after any fault, and how often a standby polls. */
const retryMs = 1000;
/** How often it polls for a newer version. */
const pollMs = 2000;

/** The changelogs of a version, being written. */
interface Running {
  readonly streams: string;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Runs until the signal. */
export async function runSources(options: SourcesOptions): Promise<void> {
  const { signal } = options;
  let running: Running | null = null;
  while (!signal.aborted) {
    const manifest = await newestVersion(options.store);
    const streams = JSON.stringify(manifest?.definition.streams.filter(isChangelog) ?? []);
    if (manifest && streams !== running?.streams) {
      await end(running);
      running = start(options, manifest.definition, streams);
    }
    await pause(pollMs, signal);
  }
  await running?.done;
}

function start(options: SourcesOptions, definition: Definition, streams: string): Running {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  return { streams, stop, done: writeAll(options, definition, signal) };
}

async function end(running: Running | null): Promise<void> {
  running?.stop.abort();
  await running?.done;
}

async function writeAll(options: SourcesOptions, definition: Definition, signal: AbortSignal): Promise<void> {
  const duck = await Duck.open({ memoryLimit: options.memoryLimit, timezone: definition.timezone });
  const role = new Role({ ...options, duck, definition, signal });
  const streams = definition.streams.filter(isChangelog);
  try {
    await role.begin([...streams, ...options.sources].map(({ name }) => name));
    await Promise.all(
      streams
        .flatMap((stream) => {
          const { from } = stream.changelog;
          if (!from) return [role.keepOn(stream.name, (works) => role.followSent(stream, works))];
          if ("topic" in from) return [role.keepOn(stream.name, (works) => role.followTopic(stream, from, works))];
          return [];
        })
        .concat(
          options.sources.map((source) => {
            const own = streams.filter(
              ({ changelog: { from } }) => from && "source" in from && from.source === source.name,
            );
            return own.length === 0 && !source.postgres.outbox
              ? Promise.resolve()
              : role.keepOn(source.name, (works) => role.followSource(source, own, works));
          }),
        ),
    );
  } finally {
    duck.close();
  }
}

interface RoleOptions extends SourcesOptions {
  readonly duck: Duck;
  readonly definition: Definition;
}

/** Called once the work goes on. */
type Works = () => Promise<void>;

class Role {
  readonly #options: RoleOptions;
  readonly #incidents: Incidents;

  constructor(options: RoleOptions) {
    this.#options = options;
    this.#incidents = new Incidents(options.store, "sources", options.now);
  }

  /** @param subjects streams and sources that there are: what was said of others is over */
  begin(subjects: readonly string[]): Promise<void> {
    return this.#incidents.retain(subjects);
  }

  /** Does the work again after whatever fault, until the signal. @param subject a stream, or a source */
  async keepOn(subject: string, work: (works: Works) => Promise<void>): Promise<void> {
    const { say, signal } = this.#options;
    let last = "";
    const works = async () => {
      last = "";
      await this.#incidents.clear("source-stopped", subject);
    };
    while (!signal.aborted) {
      try {
        await work(works);
      } catch (error) {
        if (signal.aborted) return;
        const line = error instanceof TidemarkError ? error.line : messageOf(error);
        if (line !== last) say(`${subject}: ${line}; trying again`);
        last = line;
        await this.#incidents.raiseError("source-stopped", subject, error);
      }
      await pause(retryMs, signal);
    }
  }

  /** What HTTP and load send. @throws what stops it */
  async followSent(stream: ChangelogStream, works: Works): Promise<void> {
    const { log, store, project, say } = this.#options;
    await using writer = await this.openWriter(stream);
    if (!writer) return;
    const { partitions } = await originOf(store, log, stream);
    const input = new SentInput({
      log,
      input: logStream(inputOf(project, stream, partitions)),
      writer,
      spill: new Spill(store.scratch("input-ids")),
      onCounts: ({ invalid }: InputCounts) => {
        if (invalid > 0) say(`${stream.name}: ${invalid} records of its input are no changes, and were left out`);
      },
    });
    await this.#goOn(`${stream.name}: following what is sent to it`, writer, input, works);
  }

  /** A topic of another's. @throws what stops it */
  async followTopic(stream: ChangelogStream, from: TopicOrigin, works: Works): Promise<void> {
    await using writer = await this.openWriter(stream);
    if (!writer) return;
    const input = await TopicInput.open(this.#options.log, stream, from, writer);
    await this.#goOn(`${stream.name}: following topic ${from.topic}`, writer, input, works);
  }

  /** Tables of a database. @throws what stops it */
  async followSource(source: SourceSection, streams: readonly ChangelogStream[], works: Works): Promise<void> {
    const { log, project, now, say, signal, duck, definition } = this.#options;
    const { name, postgres } = source;
    const writers: ChangelogWriter[] = [];
    try {
      for (const stream of streams) {
        const writer = await this.openWriter(stream);
        if (!writer) return;
        writers.push(writer);
      }
      const onTrouble = async (stream: string, found: Finding | null) => {
        if (!found) return this.#incidents.clear("source-stopped", stream);
        const { meaning, todo } = found;
        const trouble = { code: "SOURCE_TABLE", message: todo === "" ? meaning : `${meaning}; ${todo}` };
        await this.#incidents.raise("source-stopped", stream, { ...trouble, streams: [stream] });
      };
      const section = postgres;
      const session = await duck.session();
      const follower = await PostgresFollower.open({
        session,
        streams: definition.streams,
        log,
        project,
        name,
        section,
        writers,
        now,
        say,
        signal,
        onTrouble,
      });
      try {
        const followed = [...streams.map((each) => each.name), ...(postgres.outbox ? ["its outbox"] : [])];
        say(`${name}: following ${followed.join(", ")}`);
        const end = await this.#verifyOnSchedule(source, streams);
        try {
          await follower.run(works);
        } finally {
          await end();
        }
      } finally {
        await follower.close();
      }
    } finally {
      for (const writer of writers) await writer.close();
    }
  }

  /** @returns ends it */
  async #verifyOnSchedule(source: SourceSection, streams: readonly ChangelogStream[]): Promise<() => Promise<void>> {
    const { log, store, project, now, say, duck, definition } = this.#options;
    const { name, postgres } = source;
    if (postgres.verify === null || streams.length === 0) return async () => undefined;
    return verifyOnSchedule({
      source: name,
      streams: streams.map((each) => each.name),
      schedule: postgres.verify,
      timezone: definition.timezone,
      control: await Control.open(log, project, name),
      incidents: this.#incidents,
      now,
      say,
      verify: async function* (names, patienceMs, signal) {
        const session = await duck.session();
        try {
          const options = { store, log, session, now, project, signal, patienceMs };
          yield* verifySource(
            options,
            source,
            streams.filter((each) => names.includes(each.name)),
          );
        } finally {
          session.close();
        }
      },
    });
  }

  async #goOn(what: string, writer: ChangelogWriter, input: SentInput | TopicInput, works: Works): Promise<void> {
    const { log, project, say, signal } = this.#options;
    const control = await Control.open(log, project, writer.stream.name);
    try {
      say(what);
      for (let first = true; !signal.aborted; first = false) {
        await input.step();
        if (input.next.length > 0) await control.note(input.next, writer.position);
        if (first) await works();
      }
    } finally {
      await input.close();
    }
  }

  /** A changelog's writer, once no other process has its rows; null: stopped before. */
  async openWriter(stream: ChangelogStream): Promise<ChangelogWriter | null> {
    const { log, store, folder, now, say, signal, duck } = this.#options;
    let rows = RowFile.open(join(folder, stream.name), now);
    if (!rows) say(`${stream.name}: another process writes it; standing by`);
    while (!rows && !signal.aborted) {
      await pause(retryMs, signal);
      rows = RowFile.open(join(folder, stream.name), now);
    }
    if (!rows) return null;
    try {
      const session = await duck.session();
      const archived = archivedRows(store, log, session, stream);
      return await ChangelogWriter.open({ log, stream, rows, archived, session, signal });
    } catch (error) {
      await rows.close();
      throw error;
    }
  }
}
