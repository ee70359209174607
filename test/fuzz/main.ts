/**
 * `make fuzz N=5000 SEED=1`: what was found before, then N views of the seed. VERBOSE=1 lists the pairs that
 * did not meet.
 */
import { replay } from "./replay.ts";
import { Run } from "./run.ts";

const { N, SEED, SECONDS, LANES, VERBOSE } = process.env;
const say = (line: string) => void process.stdout.write(`${line}\n`);

const again = await replay();
for (const line of again) say(line);
const run = new Run({
  seed: Number(SEED || 1),
  views: Number(N || 5000),
  seconds: Number(SECONDS || 86_400),
  lanes: Number(LANES || 2),
  say,
});
await run.go();
if (VERBOSE) for (const pair of run.unmet) say(`not met: ${pair}`);
say(run.summary);
process.exitCode = again.length + run.failures.length > 0 ? 1 : 0;
