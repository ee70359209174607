import { vi } from "vitest";

/** Waits for what has to come, however busy the machine is. */
export function until(check: () => unknown): Promise<unknown> {
  return vi.waitUntil(check, { timeout: 15_000, interval: 5 });
}
