/** Bytes that several share: the largest holder releases them. */
import { expect, it } from "vitest";
import { type BudgetUser, MemoryBudget } from "../../serving/model/memory-budget.ts";

it("is never taken beyond its size, and the largest goes first", () => {
  const room = new MemoryBudget(100);
  const gone: string[] = [];
  const holder = (name: string): BudgetUser => ({ evict: () => gone.push(name) });
  const [small, middle, large] = [holder("small"), holder("middle"), holder("large")];
  room.count(small, 10);
  room.count(large, 60);
  room.count(middle, 30);
  expect([room.bytes, gone]).toEqual([100, []]);
  room.count(small, 1);
  expect([room.bytes, gone]).toEqual([41, ["large"]]);
  room.count(middle, 200);
  expect([room.bytes, gone]).toEqual([11, ["large", "middle"]]);
  room.count(small, -5);
  room.release(small);
  room.release(small);
  expect(room.bytes).toBe(0);
});
