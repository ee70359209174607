/** A view of many rows, in a store as batch and speed would leave it. */
import { Compiler } from "../shared/compiler/compile.ts";
import { partialOf } from "../shared/compiler/texts.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../shared/definition.ts";
import { type Duck, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { noCounts } from "../shared/store/counts.ts";
import { layout, manifestFormat, type VersionManifest, type ViewFile } from "../shared/store/layout.ts";
import type { Store } from "../shared/store/store.ts";
import { publishVersion } from "../shared/store/versions.ts";
import { Generation } from "../speed/generation.ts";
import { partitions } from "./project.ts";

const sql =
  "SELECT device, count(*) AS events, sum(bytes) AS bytes, avg(ms) AS mean_ms, max(price) AS dearest FROM events GROUP BY device";

export interface BigView {
  readonly store: Store;
  readonly session: Session;
  readonly definition: Definition;
  readonly view: ViewDefinition;
  readonly baseRows: number;
  readonly deltaRows: number;
}

export async function compileBigView(duck: Duck, stream: StreamDefinition): Promise<ViewDefinition> {
  const session = await duck.session();
  const compiler = await Compiler.open(session, [stream]);
  const view = await compiler.compile({ name: "point", file: "views/point.sql", sql, description: "" });
  session.close();
  return view;
}

/** A version's file of `baseRows` keys. */
export function writeBase({ store, session, view, baseRows }: BigView, run: string): Promise<ViewFile> {
  return writePartials(store, session, view, baseRows, 1, layout.versionFile(run, view.name));
}

/** A version of that file, whose cut is at `offset` of every partition. */
export async function publishBase(big: BigView, file: ViewFile, offset: number): Promise<VersionManifest> {
  const { store, view, definition, baseRows } = big;
  const at = (place: number) => positionAt(view, place);
  return publishVersion(store, {
    format: manifestFormat,
    createdAt: new Date().toISOString(),
    cause: "batch",
    definition: { ...definition, views: [view] },
    origin: at(0),
    cut: at(offset),
    views: { [view.name]: file },
    ...noCounts,
    events: baseRows,
    proof: { state: "unproved", by: "made by the bench", views: 0 },
  });
}

/** One delta entry of `deltaRows` of the version's keys, up to `offset`. */
export async function publishDelta(big: BigView, manifest: VersionManifest, offset: number): Promise<void> {
  const { store, session, view, baseRows, deltaRows } = big;
  const generation = await Generation.create(store, manifest, 0);
  const { sequence, nameOf } = generation.nextNames();
  const step = Math.floor(baseRows / deltaRows);
  const entry = {
    sequence,
    from: manifest.cut,
    upto: positionAt(view, offset),
    ...noCounts,
    events: deltaRows,
    deadFile: null,
    views: { [view.name]: await writePartials(store, session, view, deltaRows, step, nameOf(view.name)) },
    level: 0,
    latest: 0,
  };
  await generation.commit([entry], Date.now());
}

function positionAt(view: ViewDefinition, offset: number): Position {
  const stream = view.streams[0]!;
  return positionOf(Array.from({ length: partitions }, (_, partition) => ({ stream, partition, offset })));
}

async function writePartials(
  store: Store,
  session: Session,
  view: ViewDefinition,
  rows: number,
  step: number,
  name: string,
): Promise<ViewFile> {
  const scratch = store.scratch("partials.parquet");
  const events =
    `SELECT NULL::TIMESTAMP AS ts, 'key-' || (i * ${step}) AS device, 'view' AS kind, i AS visitor, i % 1000 AS ms, ` +
    `i AS bytes, (i % 100000 / 100)::DECIMAL(9,2) AS price, true AS ok FROM range(${rows}) r(i)`;
  await session.run(
    `COPY (${partialOf(view, new Map([[view.streams[0]!, events]]))}) TO ${quoteText(scratch)} (FORMAT parquet)`,
  );
  return { file: await store.publish(scratch, name, { durable: false }), rows };
}
