/** Waiting by a signal, many times and for many things at once, leaves nothing behind and makes no noise. */
import { getEventListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { orStopped } from "../../cli/stop.ts";
import { pause } from "../../shared/pause.ts";

const warnings: Error[] = [];
const note = (warning: Error) => warnings.push(warning);
beforeEach(() => {
  warnings.length = 0;
  process.on("warning", note);
});
afterEach(() => void process.off("warning", note));

it("a verb that waits a thousand times", async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 1000; i++) expect(await orStopped(Promise.resolve(i), signal)).toBe(i);
  await expect(orStopped(Promise.reject(new Error("it failed")), signal)).rejects.toThrow("it failed");
  expect(getEventListeners(signal, "abort")).toEqual([]);
  await setImmediate();
  expect(warnings).toEqual([]);
});

it("a thousand loops at once, which all stop", async () => {
  const stop = new AbortController();
  const loops = Array.from({ length: 1000 }, () => pause(60_000, stop.signal));
  await setImmediate();
  stop.abort();
  await Promise.all(loops);
  expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  expect(warnings).toEqual([]);
});

it("a wait ends at once when it is stopped, with the reason", async () => {
  const stop = new AbortController();
  const waiting = orStopped(new Promise(() => undefined), stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});
