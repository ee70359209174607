/** load → batch → stream, with a second batch under it → verify. All parts are the product's own. */
import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { runBatch } from "../batch/run.ts";
import { batchOf, type OpenProject } from "../cli/opened.ts";
import { withSnapshot } from "../cli/snapshot.ts";
import { verdictText } from "../cli/verbs/verify.ts";
import { Producer } from "../ingest/producer.ts";
import { plainOf } from "../shared/compiler/texts.ts";
import { Duck, quoteText } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import { openLog } from "../shared/log/open.ts";
import { formatPosition } from "../shared/position.ts";
import { loadProject } from "../shared/project/load.ts";
import { compareRows } from "../shared/proof/compare.ts";
import { verify } from "../shared/proof/verify.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { checkedRows } from "../shared/store/snapshot-rows.ts";
import type { Broker } from "./broker/broker.ts";
import { Flights, flightsFile, flightsProject } from "./flights-data.ts";
import { type LogKind, startKafka } from "./kafka.ts";
import { sayRun, streamRest } from "./live.ts";
import { grouped, Screen } from "./screen.ts";

export interface StoryOptions {
  readonly log: LogKind;
  /** Share of the flights, 0 to 1. */
  readonly share: number;
  /** How long the last third is streamed. */
  readonly seconds: number;
  /** Null: the data folder of `make dev`. */
  readonly data: string | null;
  readonly signal: AbortSignal;
}

/** @returns the exit code: 0 when every answer is exact */
export async function runStory(options: StoryOptions): Promise<number> {
  const screen = new Screen();
  screen.line("Tidemark: three million US flights of 2001, from events to one exact answer.");
  const broker = options.log === "kafka" ? await startKafka(screen, "make demo") : null;
  try {
    const opened = await openFresh(options, broker);
    try {
      return await run(options, screen, opened);
    } finally {
      await opened.log.close();
    }
  } finally {
    await broker?.stop();
  }
}

/** Opens the project over an empty data folder, unless another process is using it. */
async function openFresh({ data, log: kind }: StoryOptions, broker: Broker | null): Promise<OpenProject> {
  const folder = data ?? join(flightsProject, kind === "kafka" ? ".tidemark/kafka" : ".tidemark");
  const project = await loadProject({
    dir: flightsProject,
    dataDir: folder,
    env: {},
    flags: { brokers: broker ? [broker.brokers] : undefined },
  });
  if (data === null && (await listens(project.serve.host, project.serve.port))) {
    throw new TidemarkError(
      "USAGE",
      `something listens on ${project.serve.host}:${project.serve.port}`,
      "if that is make dev, stop it: the demo empties its data folder",
    );
  }
  await rm(folder, { recursive: true, force: true });
  const store = await FolderStore.open(folder);
  return { project, store, log: await openLog({ data: folder, ...(broker ? { brokers: [broker.brokers] } : {}) }) };
}

async function run(options: StoryOptions, screen: Screen, opened: OpenProject): Promise<number> {
  const { project, log } = opened;
  const stream = project.streams[0]!;
  const flights = await Flights.open(stream);
  const total = Math.round(flights.count * options.share);
  const loaded = Math.floor((total * 2) / 3);
  const producer = await Producer.open(log, stream);
  try {
    screen.heading(`Load the first two thirds, ${grouped(loaded)} flights, into the ${log.kind} log`);
    await load(screen, flights, producer, loaded);
    screen.heading("Batch: archive them to Parquet, recompute all views, publish version 1");
    await firstBatch(screen, opened, loaded);
    screen.heading(`Stream the other ${grouped(total - loaded)}: the speed layer keeps the delta, serving merges both`);
    const { seconds, signal } = options;
    await streamRest({ screen, opened, flights, producer, count: total - loaded, seconds, signal });
    screen.heading("Verify: every view's own SQL over all events in plain DuckDB, row by row");
    const equal = await verifyAll(screen, opened, total);
    sayHowToGoOn(options, screen, opened);
    return equal ? 0 : 1;
  } finally {
    await flights.close();
  }
}

async function load(screen: Screen, flights: Flights, producer: Producer, count: number): Promise<void> {
  const progress = screen.progress("loading", count);
  const began = performance.now();
  for (let done = 0; done < count; ) {
    const events = await flights.take(count - done);
    for (const event of events) await producer.add(event);
    done += events.length;
    progress.add(events.length);
  }
  const position = await producer.flush();
  progress.stop();
  const seconds = (performance.now() - began) / 1000;
  screen.line(
    `   durable in ${seconds.toFixed(1)} s (${grouped(Math.round(count / seconds))} a second), at ${formatPosition(position)}`,
  );
}

async function firstBatch(screen: Screen, opened: OpenProject, count: number): Promise<void> {
  const progress = screen.progress("archiving", count);
  const batch = { ...batchOf(opened, () => undefined), onArchived: (records: number) => progress.add(records) };
  const result = await runBatch(batch).finally(() => progress.stop());
  sayRun(screen, result);
}

/** The product's own verify, and, since the demo has the source file, each view's SQL directly over it. */
async function verifyAll(screen: Screen, { store, log }: OpenProject, total: number): Promise<boolean> {
  return withSnapshot(store, async (snapshot) => {
    const { definition } = snapshot.manifest;
    const duck = await Duck.open({ timezone: definition.timezone });
    const session = await duck.session();
    try {
      let equal = true;
      for await (const verdict of verify({ store, log, session, snapshot }, definition.views)) {
        equal &&= !verdict.failed && verdict.differences.length === 0;
        screen.line(`   ${verdictText(verdict).trimEnd()}`);
      }
      const view = definition.views.find((each) => each.name === "total")!;
      const served = await checkedRows(store, snapshot, view);
      const file = `SELECT * FROM read_parquet(${quoteText(flightsFile)}) LIMIT ${total}`;
      const direct = await compareRows(session, served, plainOf(view, new Map([[view.streams[0]!, file]])));
      equal &&= direct.differences.length === 0;
      const [row] = (await session.read(served)).getRowObjectsJson();
      screen.line(
        `   and straight over the ${grouped(total)} rows of the Parquet file: ${direct.differences.length === 0 ? "the same" : "DIFFERENT"}: ${JSON.stringify(row)}`,
      );
      screen.line(equal ? `\n   Equal, in ${screen.seconds.toFixed(0)} s.` : "\n   NOT equal: this is a bug.");
      return equal;
    } finally {
      session.close();
      duck.close();
    }
  });
}

function sayHowToGoOn({ log, data }: StoryOptions, screen: Screen, { project }: OpenProject): void {
  const url = `http://${project.serve.host}:${project.serve.port}`;
  screen.line("");
  if (log === "kafka" || data !== null) {
    screen.line("Go on with: make demo, whose data stays for make dev");
    return;
  }
  screen.line("Go on with these flights:");
  screen.line("  make dev                # every role in one process, over the data of this demo");
  screen.line(`  open ${url}   # in a browser`);
  screen.line(`  curl '${url}/v1/views/delays?order=mean_delay.desc&limit=5'`);
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.setTimeout(500, () => done(false));
  });
}
