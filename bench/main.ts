import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { runToExit } from "../cli/boundary.ts";
import { listenForStop } from "../cli/stop.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { aggregates } from "./aggregates.ts";
import { batch } from "./batch.ts";
import { changelogs } from "./changelogs.ts";
import { http } from "./http.ts";
import { latency } from "./latency.ts";
import type { Bench, Figure, Part } from "./part.ts";
import { point } from "./point.ts";
import { sources } from "./sources.ts";
import { speedEmbedded } from "./speed-embedded.ts";
import { speedKafka } from "./speed-kafka.ts";
import { tableText } from "./table.ts";

const parts: readonly Part[] = [
  batch,
  aggregates,
  speedKafka,
  speedEmbedded,
  point,
  http,
  latency,
  sources,
  changelogs,
];

/** `main.js [names…] [--scale S] [--rounds N] [--minutes M]`: one table; goals are reported, never asserted. */
const command = new Command("bench")
  .argument("[names...]", `only these: ${parts.map((part) => part.name).join(", ")}`, known, [])
  .option("--scale <share>", "share of the events and rows, for a quick try", positive, 1)
  .option("--rounds <n>", "rounds of everything that is compared", positive, 5)
  .option("--minutes <m>", "how long latency is measured", positive, 0.5)
  .parse();

const signal = listenForStop();
const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
await runToExit(run, signal, { json: false, debug: process.env.LOG_LEVEL === "debug" });

async function run(): Promise<number> {
  const { scale, rounds, minutes } = command.opts<Pick<Bench, "scale" | "rounds" | "minutes">>();
  const names = command.processedArgs[0] as string[];
  const chosen = parts.filter((part) => names.length === 0 || names.includes(part.name));
  process.stdout.write(`${await machine()}; scale ${scale}, ${rounds} rounds, medians\n`);
  const all: Figure[] = [];
  for (const part of chosen) {
    signal.throwIfAborted();
    const say = (line: string) => void process.stderr.write(`${part.name}: ${line}\n`);
    const own = join(folder, part.name);
    mkdirSync(own);
    all.push(...(await part.run({ scale, rounds, minutes, folder: own, signal, say })));
    rmSync(own, { recursive: true, force: true });
  }
  process.stdout.write(`\n${tableText(all)}`);
  return 0;
}

async function machine(): Promise<string> {
  const duck = await Duck.open({ threads: 1 });
  const session = await duck.session();
  const version = String(await session.value("SELECT version()"));
  session.close();
  duck.close();
  const processors = cpus();
  return (
    `${processors.length} × ${processors[0]?.model.trim() ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GB, ` +
    `${process.platform} ${process.arch}, Node ${process.versions.node}, DuckDB ${version}`
  );
}

function known(name: string, before: readonly string[]): string[] {
  if (parts.some((part) => part.name === name)) return [...before, name];
  throw new InvalidArgumentError(`There is ${parts.map((part) => part.name).join(", ")}.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Write a number above 0.");
}
