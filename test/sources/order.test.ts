/** Which changes are repetitions. */
import { expect, it } from "vitest";
import { isNewer, orderText } from "../../sources/formats/order.ts";

const order = (lsn: number, micros: number, snapshot = false) =>
  orderText({ lsn: BigInt(lsn), micros: BigInt(micros), snapshot });

it("is one short text", () => {
  expect(order(894239112, 1_764_550_000_123_456)).toBe("894239112 1764550000123456");
  expect(order(894239112, 1_764_550_000_123_456, true).length).toBeLessThan(40);
});

it.each([
  ["a later change", order(11, 2), order(10, 1), true],
  ["the same again", order(10, 1), order(10, 1), false],
  ["an earlier one again", order(9, 1), order(10, 2), false],
  ["one of a clock that was set back", order(11, 1), order(10, 2), true],
  ["one of a server whose LSNs begin again", order(3, 9), order(10, 2), true],
  ["the first change after a snapshot, at its LSN", order(10, 1), order(10, 2, true), true],
  ["a snapshot's row again", order(10, 2, true), order(10, 2, true), false],
  ["a later snapshot's", order(10, 3, true), order(10, 2, true), true],
  ["a snapshot's row after changes", order(10, 1, true), order(10, 1), false],
  ["a later snapshot from where the slot was", order(8, 9, true), order(10, 2), true],
  [
    "LSNs beyond 2^53",
    orderText({ lsn: 2n ** 60n + 1n, micros: 0n, snapshot: false }),
    orderText({ lsn: 2n ** 60n, micros: 0n, snapshot: false }),
    true,
  ],
])("%s", (_, next, known, expected) => {
  expect(isNewer(next, known)).toBe(expected);
});

it("without an order, the topic's own counts", () => {
  expect(isNewer(null, order(1, 1))).toBe(true);
  expect(isNewer(order(1, 1), null)).toBe(true);
  expect(isNewer(order(1, 1), undefined)).toBe(true);
});
