/** A real small disk: a batch on a tmpfs that has less and less too little room, page by page, until it has enough. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { covers, formatPosition } from "../../shared/position.ts";
import { lastLines, runVerb } from "./daemon.ts";
import type { Fault, FaultReport } from "./fault.ts";
import { strange, World } from "./syscalls/world.ts";

const pageBytes = 4096;
const diskBytes = 8 << 20;
const verbMsMax = 60_000;
/** This many in a row without a full disk end the run. */
const enough = 3;

export const smallDisk: Fault = {
  name: "small-disk",
  promise: "a disk that is full says so, answers go on, and the next run with space makes everything",
  how: "batch --once on a small tmpfs with 0, 1, 2 … pages left, until it has enough",
  full: Number.POSITIVE_INFINITY,
  short: 3,
  async run({ n, say }): Promise<FaultReport> {
    const world = await World.make();
    const disk = join(world.dir, "disk");
    mkdirSync(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "tmpfs", disk]);
    try {
      if (mounted.status !== 0) {
        const why = mounted.error?.message ?? mounted.stderr.toString().trim();
        return { n: 0, failures: [], facts: {}, mayLack: true, skipped: `no tmpfs can be mounted here: ${why}` };
      }
      const failures: string[] = [];
      const facts = { "said so": 0, "had room": 0, "pages needed": 0 };
      // in a short run every few pages
      const step = Number.isFinite(n) ? 8 : 1;
      let [pages, rounds, inARow] = [0, 0, 0];
      for (; rounds < n && inARow < enough; rounds++, pages += step) {
        const { failure, code } = await withRoom(world, disk, pages);
        if (failure) failures.push(`${pages} pages left: ${failure}`);
        inARow = code === 0 ? inARow + 1 : 0;
        facts[code === 0 ? "had room" : "said so"]++;
        if (code !== 0) facts["pages needed"] = pages + step;
        if (rounds % 20 === 19) say(`${pages} pages left, ${failures.length} failures`);
      }
      if (facts["said so"] === 0) failures.push("the disk was never full");
      return { n: rounds, failures, facts };
    } finally {
      if (mounted.status === 0) spawnSync("umount", ["-l", disk]);
      world.close();
    }
  },
};

async function withRoom(
  world: World,
  disk: string,
  pages: number,
): Promise<{ failure: string | null; code: number | null }> {
  const data = world.copy(join(disk, "data"));
  const ballast = join(disk, "ballast");
  rmSync(ballast, { force: true });
  const batch = () => runVerb(["batch", "--once", ...world.project.args(data)], verbMsMax);
  const before = await world.judge(data, false);
  if ("wrong" in before) return { failure: `before: ${before.wrong}`, code: null };
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - pages * pageBytes)));
  const { code, err } = await batch();
  const odd =
    strange(err) ?? (code !== 0 && !/^error: /m.test(err) ? `ended with ${code} and no line: ${lastLines(err)}` : null);
  rmSync(ballast);
  if (odd) return { failure: odd, code };
  const after = await world.judge(data, false);
  if ("wrong" in after) return { failure: `afterwards: ${after.wrong}`, code };
  if (!covers(after.position, before.position))
    return { failure: `went back from ${formatPosition(before.position)} to ${formatPosition(after.position)}`, code };
  const again = await batch();
  if (again.code !== 0) return { failure: `with space it ended with ${again.code}: ${lastLines(again.err)}`, code };
  const seen = await world.judge(data, true);
  return { failure: "wrong" in seen ? `with space: ${seen.wrong}` : null, code };
}
