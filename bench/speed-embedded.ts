import type { Log } from "../shared/log/log.ts";
import { openLog } from "../shared/log/open.ts";
import { logStream } from "../shared/store/origin.ts";
import { alternate, figures, timed } from "./measure.ts";
import type { Part } from "./part.ts";
import { type BenchProject, fill, make, partitions } from "./project.ts";
import { speedRate } from "./speed.ts";

/** Speed on the embedded log, against a plain loop over the same records: JSON.parse, and three Maps in memory. */
export const speedEmbedded: Part = {
  name: "speed-embedded",
  run: async (bench) => {
    const made = await make(bench.folder);
    const count = Math.round(5_000_000 * bench.scale);
    const log = await openLog({ data: made.project.dataDir });
    try {
      const ms = await timed(() => fill(log, made.stream, count, bench.signal));
      bench.say(`${count} events appended to the embedded log in ${(ms / 1000).toFixed(1)} s`);
      const contest = await alternate(
        bench.rounds,
        bench.signal,
        (round) => speedRate(bench, log, made.definition, count, `speed-${round}`),
        () => plainLoop(log, made, count),
      );
      return figures(
        ["speed, embedded log, 3 views", "JSON.parse and 3 Maps, nothing durable"],
        contest,
        "events/s",
        1,
      );
    } finally {
      await log.close();
    }
  },
};

interface Event {
  readonly ts: string;
  readonly device: string;
  readonly kind: string;
  readonly bytes: number;
  readonly ms: number;
  readonly price: number;
  readonly ok: boolean;
}

async function plainLoop(log: Log, { stream }: BenchProject, count: number): Promise<number> {
  const kinds = new Map<string, Sum>();
  const devices = new Map<string, Sum>();
  const quality = new Map<string, Sum>();
  const started = performance.now();
  const from = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]));
  const reader = await log.read(logStream(stream), from);
  for (let done = 0; done < count; ) {
    for (const batch of await reader.next(32 << 20, 1000)) {
      for (const { value } of batch.records()) {
        const event = JSON.parse(value!.toString()) as Event;
        add(kinds, event.kind, event.bytes);
        add(devices, `${event.device} ${event.ts.slice(0, 13)}`, event.price);
        add(quality, `${event.kind} ${event.ok}`, event.ms);
      }
      done += batch.count;
    }
  }
  await reader.close();
  return (count / (performance.now() - started)) * 1000;
}

interface Sum {
  count: number;
  sum: number;
}

function add(groups: Map<string, Sum>, key: string, value: number): void {
  const group = groups.get(key);
  if (group) {
    group.count++;
    group.sum += value;
  } else groups.set(key, { count: 1, sum: value });
}
