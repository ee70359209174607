/** Cases of `found` again: each must hold. */
import { foundCases } from "./found.ts";
import { Lane } from "./lane.ts";

/** @returns a line for each case that is not as it should be */
export async function replay(): Promise<string[]> {
  const lane = await Lane.open();
  const wrong: string[] = [];
  try {
    for (const { file, of } of foundCases()) {
      const outcome = await lane.run(of);
      if (outcome.kind === "broken") wrong.push(`test/fuzz/found/${file}: ${outcome.why}`);
    }
  } finally {
    lane.close();
  }
  return wrong;
}
