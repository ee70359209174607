/** The library that counts a process's calls to the disk and puts a fault in at one of them (preload.c). */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const hows = ["before", "after", "torn", "eio", "full"] as const;
export type How = (typeof hows)[number];

export interface Call {
  readonly number: number;
  readonly kind: "write" | "sync" | "rename" | "link" | "unlink" | "rmdir" | "mkdir" | "truncate";
  readonly bytes: number;
  readonly path: string;
}

/** Compiles it into a folder. @returns its path, or why it can't be had */
export function compilePreload(folder: string): { library: string } | { lacking: string } {
  const library = join(folder, "preload.so");
  const source = fileURLToPath(new URL("preload.c", import.meta.url));
  if (process.platform !== "linux") return { lacking: "a preloaded library needs Linux" };
  const { error, status, stderr } = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  if (error) return { lacking: `no gcc: ${error.message}` };
  return status === 0 ? { library } : { lacking: `gcc: ${stderr.toString()}` };
}

export function readCalls(file: string): Call[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [, number, kind, bytes, path] = /^(\d+) (\w+) (\d+) (.*)$/.exec(line)!;
    return { number: Number(number), kind: kind as Call["kind"], bytes: Number(bytes), path: path! };
  });
}

const pageBytes = 4096;

/** Which faults say something new at a call. A kill before it is the one after the call before. */
export function faultsAt({ number, kind, bytes }: Call): How[] {
  const at: How[] = number === 1 ? ["before", "after"] : ["after"];
  if (kind === "write" && bytes > pageBytes) at.push("torn");
  if (kind === "sync") at.push("eio");
  if (["write", "rename", "link", "mkdir", "truncate"].includes(kind)) at.push("full");
  return at;
}
