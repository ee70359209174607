import { expect, it } from "vitest";
import { compared } from "../../demo/shop/compare.ts";

it.each([
  [["a", "b"], ["b", "a"], []],
  [["a", "a"], ["a"], ["+a"]],
  [["a"], ["a", "b"], ["-b"]],
  [["a"], ["A"], ["+a", "-A"]],
  [[], ["a", "a"], ["-a"]],
])("what is served, %j, beside what PostgreSQL says, %j", (served, said, differences) => {
  expect(compared(served, said)).toEqual({ rows: served.length, differences });
});
