/**
 * What a power cut may take, derived from a real trace of system calls: whatever is named by a manifest, or was
 * acknowledged, has its content, its name and every folder on the way on disk before.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { runVerb } from "./daemon.ts";
import type { Fault, FaultReport } from "./fault.ts";
import { Project, perLoad } from "./syscalls/project.ts";
import { type Event, readTrace, straceArgs, straceLacking } from "./syscalls/trace.ts";

const verbMsMax = 120_000;
/** A manifest: once it has its name, everything that it names counts. */
const manifest = /^(versions|archive|origins|references)\/.*\.json$/;

export const publishOrder: Fault = {
  name: "publish-order",
  promise: "what counts is on disk before it counts: file, folder, manifest, and events before they are acknowledged",
  how: "a strace of load and batch on a new folder, and of both once more: every name, sync and new folder in its order",
  full: 4,
  short: 4,
  async run(): Promise<FaultReport> {
    const skipped = straceLacking();
    if (skipped) return { n: 0, failures: [], facts: {}, skipped, mayLack: true };
    const dir = mkdtempSync(join(tmpdir(), "tidemark-order-"));
    const failures: string[] = [];
    const facts = { calls: 0, names: 0, manifests: 0, "events acknowledged": 0 };
    try {
      const project = new Project(dir);
      const data = join(dir, "data");
      const runs = [
        ["load", "events", project.events(0), "--accept-dead"],
        ["batch", "--once"],
        ["load", "events", project.events(1), "--accept-dead"],
        ["batch", "--once"],
      ];
      for (const [i, args] of runs.entries()) {
        const file = join(dir, `trace-${i}.txt`);
        const { code, err } = await runVerb([...args, ...project.args(data)], verbMsMax, {
          under: ["strace", ...straceArgs(file)],
        });
        const where = `${i + 1}: tidemark ${args[0]}`;
        if (code !== 0) failures.push(`${where} ended with ${code}: ${err}`);
        const events = readTrace(file, dir);
        const order = new Order(events, dir, data);
        failures.push(...order.failures(args[0] === "load").map((line) => `${where}: ${line}`));
        facts.calls += events.length;
        facts.names += events.filter(({ what }) => what === "name").length;
        facts.manifests += order.manifests.length;
        if (args[0] === "load") facts["events acknowledged"] += perLoad;
      }
      if (facts.manifests < 6)
        failures.push(`only ${facts.manifests} manifests were seen: the trace is not read as it should be`);
      return { n: runs.length, failures, facts };
    } finally {
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    }
  },
};

class Order {
  readonly #events: readonly Event[];
  readonly #top: string;
  readonly #data: string;

  /** @param top the folder that was there before */
  constructor(events: readonly Event[], top: string, data: string) {
    this.#events = events;
    this.#top = top;
    this.#data = data;
  }

  get manifests(): Event[] {
    return this.#events.filter(({ what, path }) => what === "name" && manifest.test(relative(this.#data, path)));
  }

  failures(isLoad: boolean): string[] {
    const failures: string[] = [];
    const last = this.#events.at(-1)?.done ?? 0;
    for (const each of this.manifests) {
      const name = relative(this.#data, each.path);
      failures.push(...this.#notDurable(each.from!, each.at).map((line) => `${name}: ${line}`));
      for (const file of filesNamedBy(each.path)) {
        const path = join(this.#data, file);
        const named = this.#named(path);
        if (named)
          failures.push(
            ...[...this.#notDurable(named.from!, named.at), ...this.#nameless(path, each.at)].map(
              (line) => `${name} names ${file}, and ${line}`,
            ),
          );
        else if (!existsSync(path)) failures.push(`${name} names ${file}, which is not there`);
      }
      failures.push(...this.#nameless(each.path, last + 1).map((line) => `${name}: ${line}`));
    }
    if (!isLoad) return failures;
    const said = this.#events.find(({ what }) => what === "say");
    if (!said) return [...failures, "it said nothing"];
    const database = join(this.#data, "log", "data.mdb");
    return [
      ...failures,
      ...[...this.#notDurable(database, said.at), ...this.#nameless(database, said.at)].map(
        (line) => `before it said that events had arrived: ${line}`,
      ),
    ];
  }

  #named(path: string): Event | undefined {
    return this.#events.find((event) => event.what === "name" && event.path === path);
  }

  /** Its content: the last write before `upto` is followed by a sync that has returned. */
  #notDurable(path: string, upto: number): string[] {
    const names = this.#namesOf(path, upto);
    const written = this.#events
      .filter((event) => event.what === "write" && names.has(event.path) && event.done < upto)
      .at(-1);
    if (!written) return [`no process wrote ${relative(this.#data, path)}`];
    const synced = this.#events.some(
      (event) =>
        event.what === "sync" &&
        names.has(event.path) &&
        event.at >= written.at &&
        event.done >= written.done &&
        event.done < upto,
    );
    return synced ? [] : [`the content of ${relative(this.#data, path)} was not synced`];
  }

  /** What it was called until then. */
  #namesOf(path: string, upto: number): Set<string> {
    const names = new Set([path]);
    for (const { what, at, path: to, from } of [...this.#events].reverse())
      if (what === "name" && at < upto && names.has(to)) names.add(from!);
    return names;
  }

  /**
   * Its name, and those of the folders on the way: the folder that holds each new one was synced after it,
   * before `upto`.
   */
  #nameless(path: string, upto: number): string[] {
    const failures: string[] = [];
    for (let each = path; each !== this.#top && each !== "/"; each = dirname(each)) {
      const made = this.#events.find(
        (event) => (event.what === "name" || event.what === "folder") && event.path === each && event.done < upto,
      );
      const isNew =
        made !== undefined ||
        (each === path && this.#events.some((event) => event.what === "write" && event.path === each));
      if (!isNew) continue;
      const after = made?.done ?? 0;
      const synced = this.#events.some(
        (event) => event.what === "sync" && event.path === dirname(each) && event.at > after && event.done < upto,
      );
      if (!synced) failures.push(`the name of ${relative(this.#top, each)} was not synced`);
    }
    return failures;
  }
}

/** Every `name` of a file with a hash, however deep. */
function filesNamedBy(path: string): string[] {
  const found: string[] = [];
  JSON.parse(readFileSync(path, "utf8"), (_key, value: unknown) => {
    if (value !== null && typeof value === "object" && "name" in value && "sha256" in value)
      found.push(String(value.name));
    return value;
  });
  return found;
}
