/** What it costs that rows change: a changelog, and a plain stream of the same bytes, decoded and folded. */
import { Compiler } from "../shared/compiler/compile.ts";
import { partialOf } from "../shared/compiler/texts.ts";
import { weightedRows } from "../shared/compiler/weights.ts";
import { Decoder } from "../shared/decode/decode.ts";
import type { FieldDefinition, StreamDefinition } from "../shared/definition.ts";
import { Duck, freshName, quoteName, type Session } from "../shared/duckdb/duck.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import { recordFields } from "../shared/project/changelogs.ts";
import { alternate, figures } from "./measure.ts";
import type { Part } from "./part.ts";

const types: Readonly<Record<string, string>> = {
  id: "BIGINT",
  city: "VARCHAR",
  age: "INTEGER",
  price: "DECIMAL(12,2)",
  changed: "TIMESTAMP",
  active: "BOOLEAN",
  score: "DOUBLE",
};
const names = Object.keys(types);

const row: readonly FieldDefinition[] = names.map((name) => ({ name, type: types[name]!, nullable: name !== "id" }));
const plain = {
  name: "events",
  topic: "events",
  existing: false,
  key: null,
  time: null,
  id: null,
  dedupMs: null,
  upcast: null,
  partitions: 1,
};
const changelog: StreamDefinition = {
  ...plain,
  fields: recordFields(`STRUCT(${row.map(({ name, type }) => `${quoteName(name)} ${type}`).join(", ")})`),
  changelog: { key: ["id"], row },
};
const events: StreamDefinition = {
  ...plain,
  fields: [
    ...["op", "source"].map((name) => ({ name, type: "VARCHAR", nullable: false })),
    ...["was_", ""].flatMap((mark) => row.map((field) => ({ ...field, name: `${mark}${field.name}` }))),
  ],
};

const rowsAtATime = 20_000;

function members(i: number, mark: string): string {
  const values = [
    `${i % 5000}`,
    `"city ${i % 100}"`,
    `${i % 90}`,
    `${i % 1000}.50`,
    '"2026-01-02T10:00:00.123456"',
    `${i % 2 === 0}`,
    `${i / 8}`,
  ];
  return names.map((name, at) => `"${mark}${name}":${values[at]!}`).join(",");
}

/** Records of the same bytes, but for the names and brackets. */
function records(count: number, write: (head: string, i: number) => string): ArrayBatch[] {
  const batches: ArrayBatch[] = [];
  for (let from = 0; from < count; from += rowsAtATime) {
    const own = Array.from({ length: Math.min(rowsAtATime, count - from) }, (_, at) => {
      const i = from + at;
      const head = `{"op":"u","source":${JSON.stringify(`{"lsn":"0/${i}"}`)}`;
      return { offset: i, timestamp: i, key: null, value: Buffer.from(write(head, i)) };
    });
    batches.push(new ArrayBatch(0, from, from + own.length, own));
  }
  return batches;
}

/** Records a second, decoded and folded into one view. */
async function rate(session: Session, stream: StreamDefinition, batches: readonly ArrayBatch[]): Promise<number> {
  const compiler = await Compiler.open(session, [stream]);
  const sql = "SELECT city, count(*) AS n, sum(age) AS age, avg(price) AS price FROM events GROUP BY city";
  const view = await compiler.compile({ name: "v", file: "v.sql", sql, description: "" });
  const decoder = new Decoder(session, stream);
  const started = performance.now();
  for (const batch of batches) {
    const decoded = await decoder.decode([batch]);
    const read = await decoded.select();
    const table = freshName("partials");
    const input = view.weighted ? weightedRows(stream, read, false) : read;
    await session.run(`CREATE TEMP TABLE ${table} AS ${partialOf(view, new Map([["events", input]]))}`);
    await session.run(`DROP TABLE ${table}`);
    await decoded.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return batches.reduce((sum, { count }) => sum + count, 0) / seconds;
}

export const changelogs: Part = {
  name: "changelogs",
  run: async ({ scale, rounds, signal, say }) => {
    const count = Math.round(400_000 * scale);
    const changes = records(
      count,
      (head, i) => `${head},"before":{${members(i, "")}},"after":{${members(i + 1, "")}}}`,
    );
    const same = records(count, (head, i) => `${head},${members(i, "was_")},${members(i + 1, "")}}`);
    say(`${count} records`);
    const duck = await Duck.open({ memoryLimit: "2GB" });
    const own = async (stream: StreamDefinition, batches: readonly ArrayBatch[]) => {
      const session = await duck.session();
      try {
        return await rate(session, stream, batches);
      } finally {
        session.close();
      }
    };
    try {
      const contest = await alternate(
        rounds,
        signal,
        () => own(changelog, changes),
        () => own(events, same),
      );
      return figures(["folding a changelog", "a plain stream of the same bytes"], contest, "events/s", 0.5);
    } finally {
      duck.close();
    }
  },
};
