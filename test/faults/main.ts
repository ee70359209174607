/** `make faults [ONLY=name] [N=…] [SEED=…]`: puts every fault in, in full, and prints one table. */
import { simulation } from "../simulation/faults.ts";
import { brokerRestarts } from "./broker.ts";
import { cdcKills, cdcSlots } from "./cdc.ts";
import { cdcIdle } from "./cdc-idle.ts";
import { consumerKills } from "./consumers.ts";
import { corruption } from "./corruption.ts";
import { debezium } from "./debezium.ts";
import type { Fault } from "./fault.ts";
import { flood } from "./flood.ts";
import { kills, killsOverKafka, zombies } from "./kills.ts";
import { manyIds } from "./many-ids.ts";
import { network } from "./network.ts";
import { outbox } from "./outbox.ts";
import { poison } from "./poison.ts";
import { publishOrder } from "./publish-order.ts";
import { sizes } from "./sizes.ts";
import { smallDisk } from "./small-disk.ts";
import { soak } from "./soak.ts";
import { syscalls } from "./syscalls.ts";

const faults: readonly Fault[] = [
  simulation,
  corruption,
  syscalls,
  publishOrder,
  smallDisk,
  poison,
  manyIds,
  kills,
  killsOverKafka,
  zombies,
  brokerRestarts,
  network,
  soak,
  flood,
  sizes,
  debezium,
  cdcKills,
  cdcSlots,
  cdcIdle,
  consumerKills,
  outbox,
];

const { ONLY, N, SEED } = process.env;
const seed = Number(SEED || 1);
const chosen = faults.filter(({ name }) => !ONLY || ONLY.split(",").includes(name));
if (chosen.length === 0) {
  process.stderr.write(`error: no fault is called ${ONLY}; there are: ${faults.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}
let failed = 0;
const rows: string[] = [];
for (const fault of chosen) {
  const began = performance.now();
  const n = Number(N || fault.full);
  const report = await fault.run({ n, seed, say: (line) => void process.stderr.write(`${fault.name}: ${line}\n`) });
  const seconds = Math.round((performance.now() - began) / 1000);
  for (const failure of report.failures) process.stdout.write(`FAILED ${fault.name}: ${failure}\n`);
  failed += report.failures.length;
  const result = report.skipped
    ? `SKIPPED: ${report.skipped}`
    : report.failures.length > 0
      ? `${report.failures.length} FAILED`
      : "held";
  const facts = Object.entries(report.facts)
    .map(([key, value]) => `${value} ${key}`)
    .join(", ");
  rows.push(`| ${fault.promise} | ${fault.how} | ${report.n} | ${seed} | ${result} | ${facts} | ${seconds} s |`);
}
process.stdout.write(
  `\n| promise | how | N | seed | result | counted | took |\n|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
