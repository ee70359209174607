/** Faults in what is read of other systems. */
import type { Fault } from "./fault.ts";

export const sourceFaults: readonly Fault[] = [
  {
    name: "a large value that did not change becomes NULL",
    file: "sources/postgres/pgoutput.ts",
    edits: [{ find: "values[i] = undefined;", replace: "values[i] = null;" }],
    tests: ["test/sources/postgres/pgoutput.test.ts"],
  },
  {
    name: "a row whose key changed stays under the old one",
    file: "sources/postgres/transactions.ts",
    edits: [{ find: '{ change: { op: "d", key: oldKey, after: null }, ...sent },\n', replace: "" }],
    tests: ["test/sources/postgres/transactions.test.ts"],
  },
  {
    name: "a table that was stopped goes on before its snapshot",
    file: "sources/postgres/transactions.ts",
    edits: [{ find: "until === null || this.#open!.commitLsn < until", replace: "until === null" }],
    tests: ["test/sources/postgres/transactions.test.ts"],
  },
  {
    name: "a piece says that its transaction ends, and it does not",
    file: "sources/postgres/transactions.ts",
    edits: [{ find: "last: endLsn !== null,", replace: "last: this.#open !== null," }],
    tests: ["test/sources/postgres/transactions.test.ts"],
  },
  {
    name: "a slot that was advanced by another goes unnoticed",
    file: "sources/postgres/checks.ts",
    edits: [{ find: "lsnOf(slot.confirmedLsn) > durable", replace: "lsnOf(slot.confirmedLsn) > 2n * durable" }],
    tests: ["test/sources/postgres/checks.test.ts"],
  },
  {
    name: "what is acknowledged during a poll looks like a restored server",
    file: "sources/postgres/checks.ts",
    edits: [
      { find: "ofServer(before, now, known.durable)", replace: "ofServer(before, now, known.acknowledged ?? null)" },
    ],
    tests: ["test/sources/postgres/checks.test.ts"],
  },
  {
    name: "decimals beyond a type's scale are dropped",
    file: "sources/postgres/values.ts",
    edits: [{ find: "if (!/^\\.?0*$/.test(text.slice(kept)))", replace: "if (kept < 0)" }],
    tests: ["test/sources/postgres/types.test.ts"],
  },
  {
    name: "what a key that is forgotten was before it moved stays",
    file: "sources/row-file.ts",
    edits: [{ find: "[storedKey(key), storedKey(movedKey(key))]", replace: "[storedKey(key)]" }],
    tests: ["test/sources/row-file.test.ts"],
  },
  {
    name: "the file that has a forgotten key stays beside the new one",
    file: "sources/row-file.ts",
    edits: [{ find: "await before.root.close();\n    this.#removeOthers();", replace: "await before.root.close();" }],
    tests: ["test/sources/row-file.test.ts"],
  },
  {
    name: "rows are forgotten that another process has taken over",
    file: "sources/row-file.ts",
    edits: [{ find: "this.#checkOwner();\n        renameSync", replace: "renameSync" }],
    tests: ["test/sources/row-file.test.ts"],
  },
  {
    name: "a changelog that differs from its table is left as it is",
    file: "sources/scheduled-verify.ts",
    edits: [{ find: "await control.ask(verdict.stream);", replace: "" }],
    tests: ["test/sources/scheduled-verify.test.ts"],
  },
  {
    name: "a comparison that failed counts as one",
    file: "sources/scheduled-verify.ts",
    edits: [
      {
        find: "if (signal.aborted) return;\n    say(",
        replace: "await control.noteVerified({ at, differed: {} });\n    say(",
      },
    ],
    tests: ["test/sources/scheduled-verify.test.ts"],
  },
  {
    name: "what a table is called for a while goes unnoticed",
    file: "sources/postgres/transactions.ts",
    edits: [{ find: "this.#checkName(relation.oid, name);", replace: "" }],
    tests: ["test/sources/postgres/transactions.test.ts"],
  },
];
