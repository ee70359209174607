import { expect, it } from "vitest";
import { HistoryTurns } from "../../serving/explain/history-turns.ts";
import { asker } from "./asker.ts";

it("runs one at a time, in turn, and drops a client that leaves before its turn", async () => {
  const turns = new HistoryTurns(2);
  const order: string[] = [];
  let go: () => void = () => undefined;
  const first = turns.run(asker(), async () => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    order.push("first");
  });
  const left = new AbortController();
  const second = turns.run(asker({ gone: left.signal }), async () => void order.push("second"));
  const third = turns.run(asker(), async () => void order.push("third"));
  await expect(turns.run(asker(), async () => undefined)).rejects.toThrow(/2 questions about history wait already/);
  left.abort(new Error("gone"));
  await expect(second).rejects.toThrow("gone");
  go();
  await Promise.all([first, third]);
  expect(order).toEqual(["first", "third"]);
  await expect(turns.run(asker({ gone: left.signal }), async () => undefined)).rejects.toThrow("gone");
});
