/** What strace shows of one command, as changes of a folder in the order they happened. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** `at`: line on which the call began; `done`: line on which it returned. Calls of other threads may lie between. */
export interface Event {
  readonly what: "write" | "sync" | "name" | "folder" | "say";
  readonly at: number;
  readonly done: number;
  /** What it is done to. */
  readonly path: string;
  /** Of a new name: the name before. */
  readonly from: string | null;
}

const traced =
  "openat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat";

/** Why strace can't be had here, or null. */
export function straceLacking(): string | null {
  const { error, status, stderr } = spawnSync("strace", ["-o", "/dev/null", "true"]);
  if (error) return `no strace: ${error.message}`;
  return status === 0 ? null : `strace does not work here: ${stderr.toString().trim()}`;
}

export function straceArgs(file: string): string[] {
  return ["-f", "-y", "-s", "0", "-o", file, "-e", `trace=${traced}`];
}

/** @returns what was done below `root`, and when something was said on standard output */
export function readTrace(file: string, root: string): Event[] {
  const events: Event[] = [];
  /** By process and call: where it began, and its first part. */
  const begun = new Map<string, { at: number; text: string }>();
  /** Descriptors whose writes are on disk when they return. */
  const synchronous = new Set<string>();
  for (const [line, text] of readFileSync(file, "utf8").split("\n").entries()) {
    const parts = /^(\d+)\s+(.*)$/.exec(text);
    if (!parts) continue;
    const [, pid, call] = parts as unknown as [string, string, string];
    const unfinished = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(call);
    if (unfinished) {
      begun.set(`${pid} ${unfinished[1]}`, { at: line, text: `${unfinished[1]}(${unfinished[2]}` });
      continue;
    }
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(call);
    const first = resumed && begun.get(`${pid} ${resumed[1]}`);
    const whole = first ? first.text + resumed[2] : call;
    const done = /^(\w+)\((.*)\)\s+=\s+(-?\d+)(?:<(.*)>)?/.exec(whole);
    if (!done || Number(done[3]) < 0) continue;
    const [, name, args, result, opened] = done as unknown as [string, string, string, string, string?];
    const at = first ? first.at : line;
    if (name === "openat") {
      const key = `${result}<${opened}>`;
      if (/O_D?SYNC/.test(args)) synchronous.add(key);
      else synchronous.delete(key);
      continue;
    }
    for (const event of eventsOf(name, args, synchronous))
      if (event.what === "say" || event.path.startsWith(root)) events.push({ ...event, at, done: line });
  }
  return events.sort((a, b) => a.at - b.at);
}

type TracedChange = Pick<Event, "what" | "path" | "from">;

function eventsOf(name: string, args: string, synchronous: ReadonlySet<string>): TracedChange[] {
  const descriptor = /^(\d+)<(.*?)>/.exec(args);
  const path = descriptor?.[2] ?? "";
  if (/write|ftruncate/.test(name)) {
    if (descriptor?.[1] === "1") return [{ what: "say", path: "", from: null }];
    const write: TracedChange = { what: "write", path, from: null };
    return descriptor && synchronous.has(descriptor[0]) ? [write, { what: "sync", path, from: null }] : [write];
  }
  if (/sync/.test(name)) return [{ what: "sync", path, from: null }];
  const names = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]!);
  if (/mkdir/.test(name)) return [{ what: "folder", path: names[0]!, from: null }];
  return [{ what: "name", path: names[1]!, from: names[0]! }];
}
