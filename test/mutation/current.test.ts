/**
 * The faults that `make mutate` puts in keep to the sources: their texts are there, once each, and so are their
 * tests.
 */
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { apiFaults } from "./api-faults.ts";
import { faults } from "./faults.ts";

it.each([...new Set([...faults, ...apiFaults])].map((fault) => [fault.name, fault] as const))("%s", (_, fault) => {
  let text = readFileSync(fault.file, "utf8");
  for (const { find, replace } of fault.edits) {
    expect(text.split(find).length - 1, `${fault.file}: ${find}`).toBe(1);
    expect(replace).not.toBe(find);
    text = text.replace(find, () => replace);
  }
  for (const test of fault.tests) expect(existsSync(test), test).toBe(true);
});
