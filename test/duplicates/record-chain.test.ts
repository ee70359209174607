import { expect, it } from "vitest";
import { RecordChain, requestOfWriter } from "../../shared/duplicates/record-chain.ts";

/** A writer that knew of so many records when it began. */
const writer = (name: string, from: number) => requestOfWriter(name, { writer: "", next: from });

it.each<[string, readonly (readonly [request: string, sequence: number, verdict: string])[]]>([
  [
    "one after the other",
    [
      [writer("a", 0), 0, "counts"],
      [writer("a", 0), 1, "counts"],
    ],
  ],
  [
    "what is appended twice",
    [
      [writer("a", 0), 0, "counts"],
      [writer("a", 0), 1, "counts"],
      [writer("a", 0), 0, "repeated"],
      [writer("a", 0), 1, "repeated"],
      [writer("a", 0), 2, "counts"],
    ],
  ],
  [
    "another that knew of all",
    [
      [writer("a", 0), 0, "counts"],
      [writer("b", 1), 1, "counts"],
      [writer("b", 1), 2, "counts"],
    ],
  ],
  [
    "another that knew of fewer",
    [
      [writer("a", 0), 0, "counts"],
      [writer("b", 0), 0, "fenced"],
      [writer("b", 0), 1, "fenced"],
      [writer("a", 0), 1, "counts"],
    ],
  ],
  [
    "one that was stopped, with the next number by chance",
    [
      [writer("a", 0), 0, "counts"],
      [writer("b", 1), 1, "counts"],
      [writer("a", 0), 2, "fenced"],
      [writer("a", 0), 1, "fenced"],
      [writer("b", 1), 2, "counts"],
    ],
  ],
  [
    "records that are missing",
    [
      [writer("a", 0), 0, "counts"],
      [writer("a", 0), 2, "fenced"],
    ],
  ],
  [
    "no writer's",
    [
      ["http:1", 0, "fenced"],
      ["chain:", 0, "fenced"],
      ["chain:a", 0, "fenced"],
      [writer("a", 0), 0, "counts"],
    ],
  ],
])("%s", (_, records) => {
  const chain = new RecordChain();
  for (const [request, sequence, verdict] of records) expect(chain.take(request, sequence), request).toBe(verdict);
});

it("goes on with whatever comes after records that are lost", () => {
  const chain = new RecordChain();
  chain.end = null;
  expect(chain.take(writer("a", 3), 7)).toBe("counts");
  expect(chain.take(writer("a", 3), 7)).toBe("repeated");
  expect(chain.take(writer("a", 3), 8)).toBe("counts");
});
