/** Cases of `found` again: each must hold, but for those whose fault is open, which must still fail. */
import { foundCases } from "./found.ts";
import { Lane } from "./lane.ts";

/** @returns a line for each case that is not as it should be */
export async function replay(): Promise<string[]> {
  const lane = await Lane.open();
  const wrong: string[] = [];
  try {
    for (const { file, of, open } of foundCases()) {
      const outcome = await lane.run(of);
      const broken = outcome.kind === "broken";
      if (broken && !open) wrong.push(`test/fuzz/found/${file}: ${outcome.why}`);
      if (!broken && open)
        wrong.push(`test/fuzz/found/${file} holds now: take its "-- open" line out, and its fault out of open.ts`);
    }
  } finally {
    lane.close();
  }
  return wrong;
}
