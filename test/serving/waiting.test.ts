/** Every queue is bounded, has a deadline, and is fair: between clients, and between one client's connections. */
import { expect, it, vi } from "vitest";
import { Waiting } from "../../shared/waiting.ts";
import { randomOf } from "../faults/fault.ts";
import { asker } from "./asker.ts";

const limits = { max: 6, msMax: 5000, what: "questions" };

/** Notes in which order they get their turn, or why they don't. */
function queue(over: Partial<typeof limits & { clientMax: number }> = {}) {
  const waiting = new Waiting<void>({ ...limits, ...over });
  const outcomes: string[] = [];
  const ask = (name: string, who = asker()) =>
    void waiting.wait(who).then(
      () => outcomes.push(name),
      (error: Error) => outcomes.push(`${name}: ${error.message}`),
    );
  const all = async () => {
    for (let turn = waiting.next(); turn; turn = waiting.next()) turn.go();
    await new Promise(setImmediate);
    return outcomes;
  };
  return { waiting, ask, outcomes, all };
}

it("goes round the clients, and round a client's connections", async () => {
  const { ask, all } = queue({ max: 100 });
  const [one, two] = [{}, {}];
  for (let i = 0; i < 3; i++) ask(`a1.${i}`, asker({ client: "a", line: one }));
  ask("a2.0", asker({ client: "a", line: two }));
  ask("b.0", asker({ client: "b" }));
  ask("c.0", asker({ client: "c" }));
  expect(await all()).toEqual(["a1.0", "b.0", "c.0", "a2.0", "a1.1", "a1.2"]);
});

it("has a limited number of places, and takes one from the client with the most for one with fewer", async () => {
  const { ask, outcomes, all, waiting } = queue();
  const line = {};
  for (let i = 0; i < 7; i++) ask(`a${i}`, asker({ client: "a", line }));
  await new Promise(setImmediate);
  expect(outcomes).toEqual(["a6: 6 questions wait already"]);
  ask("b0", asker({ client: "b" }));
  ask("a on another connection", asker({ client: "a" }));
  await new Promise(setImmediate);
  expect(outcomes.slice(1)).toEqual(["a5: 6 questions wait already", "a4: 6 questions wait already"]);
  expect(waiting.count).toBe(6);
  expect((await all()).slice(3)).toEqual(["a0", "b0", "a on another connection", "a1", "a2", "a3"]);
  expect(waiting.count).toBe(0);
});

it("lets no client wait for ever, nor for one that has gone", async () => {
  vi.useFakeTimers();
  try {
    const { ask, outcomes, waiting } = queue({ clientMax: 2 });
    const gone = new AbortController();
    ask("late", asker({ client: "a" }));
    ask("gone", asker({ client: "a", gone: gone.signal }));
    ask("third", asker({ client: "a" }));
    gone.abort(new Error("left"));
    await vi.advanceTimersByTimeAsync(limits.msMax);
    ask("never there", asker({ client: "a", gone: gone.signal }));
    await vi.advanceTimersByTimeAsync(1);
    expect(outcomes).toEqual([
      "third: 2 of your questions wait already",
      "gone: left",
      "late: there was no turn for it within 5000 ms",
      "never there: left",
    ]);
    expect(waiting.count).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it("never keeps a client out whose share is free, whatever the others do", async () => {
  const random = randomOf(Number(process.env.SEED || 5));
  const { waiting } = queue({ max: 20 });
  const lines = Array.from({ length: 60 }, () => ({}));
  for (let i = 0; i < 2000; i++) {
    const line = lines[Math.floor(random() * lines.length)]!;
    waiting.wait(asker({ client: `flood ${i % 3}`, line })).catch(() => undefined);
    if (random() < 0.1) waiting.next()?.go();
    if (i % 10 !== 0) continue;
    let turns = 0;
    let refused = "";
    let served = false;
    waiting.wait(asker({ client: "quiet" })).then(
      () => (served = true),
      (error: Error) => (refused = error.message),
    );
    for (; !served && refused === "" && turns < 30; turns++) {
      waiting.next()?.go();
      await new Promise(setImmediate);
    }
    expect(refused).toBe("");
    expect(turns).toBeLessThanOrEqual(5);
    expect(waiting.count).toBeLessThanOrEqual(20);
  }
});
