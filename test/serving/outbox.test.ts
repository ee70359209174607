/**
 * What listeners have not taken is kept once for all of them, up to a limit; a slow listener is disconnected at
 * once.
 */
import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { Outboxes } from "../../serving/live/outbox.ts";

const kilobyte = 1024;
const tick = () => new Promise((resolve) => setImmediate(resolve));

/** A connection that takes what it is sent, or nothing. */
function connection(boxes: Outboxes, reads: boolean) {
  let [taken, gone] = [0, false];
  const sink = new Writable({
    highWaterMark: kilobyte,
    write: (chunk: Buffer, _encoding, next) => {
      if (!reads) return;
      taken += chunk.length;
      next();
    },
  });
  const box = boxes.open(
    () => sink.writableLength,
    () => {
      gone = true;
      sink.destroy();
    },
  );
  box.pipe(sink);
  return { box, taken: () => taken, gone: () => gone };
}

it("keeps the same bytes once, however many wait for them, and forgets them when they are taken or left", async () => {
  const boxes = new Outboxes({ behindMax: 100 * kilobyte });
  const all = Array.from({ length: 40 }, (_, i) => connection(boxes, i < 20));
  const bytes = Buffer.alloc(64 * kilobyte);
  for (const { box } of all) expect(box.send(bytes)).toBe(true);
  await tick();
  expect(boxes.bytes).toBe(bytes.length);
  const last = Buffer.alloc(kilobyte);
  for (const { box } of all) box.send(last);
  await tick();
  for (const { taken } of all.slice(0, 20)) expect(taken()).toBe(65 * kilobyte);
  for (const { box } of all.slice(20)) box.destroy();
  await tick();
  expect(boxes.bytes).toBe(last.length);
  for (const { box } of all) box.destroy();
  await tick();
  expect(boxes.bytes).toBe(0);
});

it("disconnects at once a listener that has not taken enough, and no other", async () => {
  const boxes = new Outboxes({ behindMax: 10 * kilobyte });
  const [slow, quick] = [connection(boxes, false), connection(boxes, true)];
  const accepted: boolean[] = [];
  for (let i = 0; i < 20; i++) {
    accepted.push(slow.box.send(Buffer.alloc(4 * kilobyte)));
    expect(quick.box.send(Buffer.alloc(4 * kilobyte))).toBe(true);
    await tick();
  }
  expect(accepted.indexOf(false)).toBe(3);
  expect(slow.gone()).toBe(true);
  expect(quick.gone()).toBe(false);
  expect(quick.taken()).toBe(80 * kilobyte);
  expect(boxes.bytes).toBeLessThanOrEqual(4 * kilobyte);
});

it("keeps no more than there is room for, whichever listener has to go", async () => {
  const boxes = new Outboxes({ bytesMax: 50 * kilobyte });
  const quick = connection(boxes, true);
  const slow = Array.from({ length: 30 }, () => connection(boxes, false));
  for (const { box } of slow) {
    box.send(Buffer.alloc(9 * kilobyte));
    quick.box.send(Buffer.alloc(kilobyte));
    await tick();
    expect(boxes.bytes).toBeLessThanOrEqual(50 * kilobyte);
  }
  expect(slow.filter(({ gone }) => gone()).length).toBeGreaterThan(20);
  expect(quick.gone()).toBe(false);
});

it("disconnects a listener that takes nothing between two heartbeats, and sends them to the others", async () => {
  const boxes = new Outboxes();
  const [stuck, quick] = [connection(boxes, false), connection(boxes, true)];
  for (const { box } of [stuck, quick]) box.send(Buffer.alloc(2 * kilobyte));
  await tick();
  const beat = Buffer.from(": beat\n\n");
  for (let i = 0; i < 2; i++) {
    for (const { box } of [stuck, quick]) box.heartbeat(beat);
    await tick();
  }
  expect(stuck.gone()).toBe(true);
  expect(quick.gone()).toBe(false);
  expect(quick.taken()).toBe(2 * kilobyte + 2 * beat.length);
});
