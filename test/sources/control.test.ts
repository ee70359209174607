import { expect, it } from "vitest";
import { MemoryLog } from "../../shared/log/memory.ts";
import { Control } from "../../sources/control.ts";

it("knows from where on events may come once more, until what is noted is past that", async () => {
  const log = new MemoryLog();
  const again = async () => {
    const { at, position, repeatedFrom } = await Control.open(log, "p", "shop");
    return [at, position, repeatedFrom];
  };
  expect(await again()).toEqual([null, null, null]);
  const first = await Control.open(log, "p", "shop");
  await first.note("0/1", { orders: { 0: 5 } });
  expect(await again()).toEqual(["0/1", "orders@0:5", "orders@0:5"]);
  // killed after two appends; the first of them has come once more, and is noted
  const second = await Control.open(log, "p", "shop");
  await second.note("0/2", { orders: { 0: 7 } }, second.repeatedFrom);
  expect(await again()).toEqual(["0/2", "orders@0:7", "orders@0:5"]);
  await second.note("0/3", { orders: { 0: 7 } });
  expect(await again()).toEqual(["0/3", "orders@0:7", "orders@0:7"]);
});
