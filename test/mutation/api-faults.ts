// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
/** Faults of the API: roll-ups, single rows, changes, keys, SQL from outside, events in, the client. */
import type { Fault } from "./fault.ts";

export const apiFaults: readonly Fault[] = [
  {
    name: "a roll-up without HAVING",
    file: "shared/compiler/texts.ts",
    edits: [{ find: "rollUp.having?.sql ?? null", replace: "null" }],
    tests: ["test/serving/roll-up.test.ts"],
  },
  {
    name: "a roll-up that shows what depends on a key it left out",
    file: "serving/question/roll-up.ts",
    edits: [{ find: "return over.keys.every((key) => fine.has(key)) ? over : null;", replace: "return over;" }],
    tests: ["test/serving/roll-up.test.ts"],
  },
  {
    name: "a row from a model at another position",
    file: "serving/model/version-models.ts",
    edits: [{ find: "if (!this.#isAt(served)) return undefined;", replace: "" }],
    tests: ["test/serving/read-model.test.ts"],
  },
  {
    name: "a model that keeps rows which HAVING has let go",
    file: "serving/model/overlay.ts",
    edits: [{ find: "this.#rows?.set(key, row);", replace: "if (row !== null) this.#rows?.set(key, row);" }],
    tests: ["test/serving/read-model.test.ts"],
  },
  {
    name: "changes of the entry that begins at a listener's position are lost",
    file: "serving/live/changed-rows.ts",
    edits: [{ find: "!covers(since, entry.upto)", replace: "!covers(since, entry.from)" }],
    tests: ["test/serving/changes.test.ts"],
  },
  {
    name: "a reader of events gets what it had within a chunk of the log once more",
    file: "serving/streams/log-run.ts",
    edits: [{ find: "chunk.events.filter((each) => each.offset >= offset)", replace: "chunk.events" }],
    tests: ["test/serving/stream-events.test.ts"],
    named: "has the same events at every seam",
  },
  {
    name: "a reader of events gets duplicates from the log, and not from the archive",
    file: "serving/streams/log-run.ts",
    edits: [{ find: "    await this.#state.fold(batches, decoded);\n", replace: "" }],
    tests: ["test/serving/stream-events.test.ts"],
    named: "has the same events at every seam",
  },
  {
    name: "an event's position is before it",
    file: "serving/streams/position-trail.ts",
    edits: [{ find: "${offset + 1}", replace: "${offset}" }],
    tests: ["test/serving/stream-events.test.ts"],
    named: "ends where it is to end",
  },
  {
    name: "a reader of events passes what was archived at the end of its range",
    file: "serving/streams/archived-events.ts",
    edits: [{ find: "Math.min(segment.upto, from + span.offsets)", replace: "segment.upto + 1" }],
    tests: ["test/serving/stream-events.test.ts"],
    named: "has the same events at every seam",
  },
  {
    name: "a reader of events that takes nothing stays",
    file: "serving/live/outbox.ts",
    edits: [{ find: "else if (unsent >= this.#unsentThen && this.#unsentThen > 0) this.disconnect();", replace: "" }],
    tests: ["test/serving/stream-events.test.ts"],
    named: "are disconnected, and resume exactly",
  },
  {
    name: "a key that is out of date",
    file: "serving/http/access/keys.ts",
    edits: [{ find: "Date.parse(expiresAt) <= now", replace: "Date.parse(expiresAt) > now" }],
    tests: ["test/serving/access.test.ts"],
  },
  {
    name: "any scope will do",
    file: "serving/http/access/keys.ts",
    edits: [{ find: "return own.includes(scope) ||", replace: "return own.length > 0 ||" }],
    tests: ["test/serving/access.test.ts"],
  },
  {
    name: "SQL may name any table",
    file: "serving/sql/names.ts",
    edits: [{ find: "if (view === undefined) {", replace: "if (view === undefined && !plain) {" }],
    tests: ["test/serving/sql.test.ts"],
  },
  {
    name: "a recursive query sees itself before its UNION",
    file: "serving/sql/names.ts",
    edits: [
      {
        find: "left: this.#any(node.left!, scope)",
        replace: "left: this.#any(node.left!, new Map([...scope, [name, given]]))",
      },
    ],
    tests: ["test/serving/names.test.ts"],
  },
  {
    name: "a query of WITH sees itself",
    file: "serving/sql/names.ts",
    edits: [{ find: ": this.#any(node, scope);", replace: ": this.#any(node, new Map([...scope, [name, given]]));" }],
    tests: ["test/serving/names.test.ts"],
  },
  {
    name: "an aggregate beside MEASURE",
    file: "serving/sql/measure.ts",
    edits: [
      {
        find: "if (aggregatesIn(rewritten, this.#catalog).length > 0)",
        replace: "if (aggregatesIn(rewritten, this.#catalog).length > 99)",
      },
    ],
    tests: ["test/serving/sql.test.ts"],
  },
  {
    name: "a CloudEvent known by its source alone",
    file: "ingest/http/cloud-events.ts",
    edits: [{ find: "JSON.stringify([source, id])", replace: "JSON.stringify([source, id && 1])" }],
    tests: ["test/ingest/ingest-forms.test.ts"],
  },
  {
    name: "a 30th of February is taken",
    file: "shared/decode/shape.ts",
    edits: [{ find: "return !this.#dated ||", replace: "return this.#dated ||" }],
    tests: ["test/decode/shape.test.ts"],
  },
  {
    name: "a client that forgets how far it has seen",
    file: "serving/client/positions.ts",
    edits: [{ find: "Math.max(l?.get(p) ?? 0, r?.get(p) ?? 0)", replace: "r?.get(p) ?? 0" }],
    tests: ["test/client/client.test.ts"],
  },
  {
    name: "events of all groups for one",
    file: "serving/explain/events.ts",
    edits: [
      {
        find: "WHERE ${groupCondition(group, params)}`;",
        replace: "WHERE ${groupCondition(group, params)} OR true`;",
      },
    ],
    tests: ["test/serving/explain.test.ts"],
  },
  {
    name: "decimals below zero in Arrow are huge ones",
    file: "serving/rows/arrow.ts",
    edits: [{ find: "words[4 * to + 3] = high >> 31;", replace: "words[4 * to + 3] = 0;" }],
    tests: ["test/serving/arrow.test.ts"],
  },
  {
    name: "the value under a NULL is handed out",
    file: "serving/rows/arrow.ts",
    edits: [{ find: "target.fill(0, (row + i) * width, (row + i + 1) * width);", replace: "" }],
    tests: ["test/serving/arrow.test.ts"],
  },
  {
    name: "a decimal of JSON without its zero before the point",
    file: "serving/rows/json-rows.ts",
    edits: [{ find: "if (digits <= scale) digits", replace: "if (digits < scale) digits" }],
    tests: ["test/serving/json-rows.test.ts"],
  },
  {
    name: "bodies in work are never done",
    file: "ingest/http/in-flight.ts",
    edits: [{ find: "this.#workedOn -= bytes;", replace: "" }],
    tests: ["test/ingest/in-flight.test.ts"],
  },
  {
    name: "a version that does not wait for its models",
    file: "serving/snapshot/follower.ts",
    edits: [{ find: "if (after || this.#options.clock() - mark.at >= stalledMsMax) this", replace: "this" }],
    tests: ["test/serving/read-model.test.ts"],
  },
  {
    name: "a snapshot whose position is an old one",
    file: "serving/snapshot/loaded.ts",
    edits: [
      { find: "upto: this.#stretch });\n    this.#current = null;", replace: "upto: this.#stretch });" },
      { find: "head.generation });\n    this.#current = null;", replace: "head.generation });" },
      {
        find: "this.#heads.set(head.shard, head);\n    this.#current = null;",
        replace: "this.#heads.set(head.shard, head);",
      },
    ],
    tests: ["test/serving/follower.test.ts"],
  },
  {
    name: "a disconnected slow reader reads on",
    file: "serving/snapshot/answer-reader.ts",
    edits: [{ find: "if (this.#canceled) throw", replace: "if (this.#canceled && this.#idleMs < 0) throw" }],
    tests: ["test/serving/slow-readers.test.ts"],
  },
  {
    name: "a body that was left unread stays counted",
    file: "ingest/http/routes.ts",
    edits: [{ find: "whenGone(reply, release);", replace: "void release;" }],
    tests: ["test/ingest/in-flight.test.ts"],
  },
  {
    name: "two columns of one name are one in Parquet",
    file: "serving/rows/copied.ts",
    edits: [{ find: "columns.map((_, i) => `c${i}`)", replace: "columns.map(() => `c0`)" }],
    tests: ["test/serving/sql.test.ts"],
  },
];
