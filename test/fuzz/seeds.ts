/** Seeds of the parts of a run: view 4711 of seed 1 is the same however many are run beside it. */
import { seededNumbers } from "../views/seeded.ts";

export function numbersOf(
  seed: number,
  what: "events" | "view" | "history" | "pipeline",
  number: number,
): () => number {
  const salt = { events: 1, view: 2, history: 3, pipeline: 4 }[what];
  let mixed = seed >>> 0;
  for (const part of [salt, number]) mixed = Math.imul(mixed ^ part ^ (mixed >>> 13), 0x9e3779b1) >>> 0;
  return seededNumbers(mixed ^ (mixed >>> 16));
}
