/** The shop works; halfway, a batch run archives and recomputes under it; the answer is shown as it changes. */
import { setTimeout as sleep } from "node:timers/promises";
import { grouped } from "../screen.ts";
import { committed, type Shop } from "./story.ts";
import type { Tidemark } from "./tidemark.ts";
import { tallyTexts, work } from "./workload.ts";

interface Answer {
  readonly data: readonly { readonly category: string; readonly units: number; readonly revenue: number }[];
  readonly meta: {
    readonly version: number;
    readonly lagMs: number | null;
    readonly events: { readonly batch: number; readonly speed: number };
  };
}

const connections = 6;
const pollMs = 250;
const columns = 110;

export async function shopAtWork(shop: Shop): Promise<void> {
  const { options, screen, tidemark, urls } = shop;
  const { transactions, seed, signal } = options;
  let done = 0;
  let batch: Promise<void> | null = null;
  const onDone = () => {
    if (++done * 2 < transactions || batch) return;
    screen.note("   $ tidemark batch --once                 (while the shop goes on)");
    batch = tidemark.run("batch --once").then(({ lines, isGood }) => {
      if (!isGood) throw new Error(`tidemark batch --once: ${lines.at(-1)}`);
    });
    // awaited below
    batch.catch(() => undefined);
  };
  let isOver = false;
  const working = work({ url: urls.shop, seed, connections, transactions, signal, onDone }).finally(() => {
    isOver = true;
  });
  working.catch(() => undefined);
  while (!isOver) {
    await show(shop, await answerOf(tidemark), done);
    await sleep(pollMs);
  }
  const tally = await working;
  await batch;
  const waitFor = await committed(shop);
  let answer = await answerOf(tidemark, waitFor);
  for (; answer.meta.version === 0; answer = await answerOf(tidemark, waitFor)) {
    signal.throwIfAborted();
    await sleep(pollMs);
  }
  await show(shop, answer, done, true);
  const said = tallyTexts(tally);
  for (const line of wrapped("committed", said.committed)) screen.note(line);
  for (const line of wrapped("rolled back", said.rolledBack)) screen.line(line);
}

/** A list on lines that are short enough, further ones indented. */
function wrapped(title: string, items: readonly string[]): string[] {
  const lines = [`   ${title}:`];
  items.forEach((item, i) => {
    const text = i < items.length - 1 ? ` ${item},` : ` ${item}`;
    const line = lines.at(-1)!;
    if (line.length + text.length <= columns) lines[lines.length - 1] = line + text;
    else lines.push(`     ${text}`);
  });
  return lines;
}

async function answerOf(tidemark: Tidemark, waitFor = ""): Promise<Answer> {
  const path = "/v1/views/revenue?order=revenue.desc,category&limit=3";
  return JSON.parse(await tidemark.get(path, waitFor, "application/json")) as Answer;
}

async function show({ screen }: Shop, { data, meta }: Answer, done: number, last = false): Promise<void> {
  const { batch, speed } = meta.events;
  const best =
    data.map(({ category, revenue }) => `${category} ${grouped(Math.round(revenue))}`).join(", ") || "none yet";
  const lag = meta.lagMs === null ? "unknown" : `${meta.lagMs} ms`;
  const line =
    `   ${grouped(done)} transactions; version ${meta.version}: ${grouped(batch)} changes and events from batch + ` +
    `${grouped(speed)} from speed, lag ${lag}; revenue: ${best}`;
  screen.answer([line], line, last);
}
