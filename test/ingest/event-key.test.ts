import fc from "fast-check";
import { expect, it } from "vitest";
import { eventKey, quickEventKey } from "../../ingest/event-key.ts";

const fields = ["k", "key", 'q"', "ü", "x"];

it("the quick key of an event with a shape is its key", () => {
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('"k":"no"', 'k":', "\\", 'a\\"'),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.uniqueArray(fc.constantFrom(...fields), { minLength: 1 }),
      fc.array(value, { minLength: 5, maxLength: 5 }),
      fc.constantFrom(":", ": "),
      (key, names, values, colon) => {
        const text = `{${names.map((name, i) => `${JSON.stringify(name)}${colon}${JSON.stringify(values[i])}`).join(",")}}`;
        const event = Buffer.from(text);
        expect(quickEventKey({ key, id: null }, event), text).toEqual(eventKey({ key, id: null }, event));
      },
    ),
    { numRuns: 3000 },
  );
});
