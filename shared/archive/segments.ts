/** The archive: one typed Parquet file per stretch of a partition, tiling it from the origin without gap or overlap. */
import { createHash } from "node:crypto";
import { eventColumn, eventType } from "../compiler/event-order.ts";
import { carrierOf, storageOf } from "../compiler/types.ts";
import type { FieldDefinition, StreamDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import { isCode, TidemarkError } from "../errors.ts";
import type { Range } from "../position.ts";
import { layout, type Segment } from "../store/layout.ts";
import { relationIn } from "../store/relation.ts";
import type { Store } from "../store/store.ts";
import { listTwice, readTwice } from "../store/twice.ts";
import { evolvedField } from "./evolution.ts";

/** Hash of what decides how a stream's records are decoded, and which of them count. */
export function decoderOf({ fields, upcast, id, dedupMs }: StreamDefinition): string {
  const more = dedupMs === null ? [] : [{ id, dedupMs }];
  const decides = upcast === null && dedupMs === null ? fields : [fields, upcast, ...more];
  return createHash("sha256").update(JSON.stringify(decides)).digest("hex").slice(0, 16);
}

/** What a segment says of its stream's duplicate window. */
export function dedupOf({ id, dedupMs }: StreamDefinition): Segment["dedup"] {
  return id !== null && dedupMs !== null ? { id, ms: dedupMs } : null;
}

/**
 * The segments of a partition, in order.
 * @param origin first offset of the partition at first contact
 * @throws STORE_GAP when they do not tile; STORE_CORRUPT
 */
export async function readSegments(
  store: Store,
  stream: string,
  partition: number,
  origin: number,
): Promise<Segment[]> {
  const folder = layout.segments(stream, partition);
  const segments: Segment[] = [];
  let at = origin;
  for (const name of (await listTwice(store, folder)).filter((each) => each.endsWith(".json"))) {
    const segment = await readSegment(store, `${folder}/${name}`, stream);
    if (!segment) continue;
    if (segment.from !== at || segment.upto <= segment.from) {
      throw new TidemarkError(
        "STORE_GAP",
        `the archive of ${stream} partition ${partition} has a gap: offsets ${at} to ${segment.from} are in no file`,
        `restore ${folder} from a copy; if the log still holds these offsets, remove the files after the gap and run: tidemark batch --once`,
        { stream, partition },
      );
    }
    segments.push(segment);
    at = segment.upto;
  }
  return segments;
}

/** @throws STORE_CORRUPT, which is the stream's own trouble */
async function readSegment(store: Store, name: string, stream: string): Promise<Segment | null> {
  try {
    return await readTwice<Segment>(store, name);
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT")) throw error;
    throw new TidemarkError(error.code, error.message, error.todo, { ...error.facts, stream }, error);
  }
}

/** Types of the fields' columns in archive files; `nested`, where the first files have texts for lists and structs. */
export function archivedTypes(fields: readonly FieldDefinition[]): { types: string[]; nested?: true } {
  const types = fields.map(({ type }) => carrierOf(type));
  const nested = fields.some(({ type }, i) => types[i] !== (storageOf(type) ?? "VARCHAR"));
  return nested ? { types, nested } : { types };
}

/** SELECT list of a stream's fields from the columns of a segment, which may have been archived with other fields. */
function typedFields(stream: StreamDefinition, segment: Segment): string {
  const before = segment.decoder === decoderOf(stream) ? stream.fields : segment.fields!;
  return stream.fields
    .map((field) => {
      const old = before.find((each) => each.name === field.name);
      const same = old?.type === field.type && carrierOf(field.type) === field.type;
      if (same && old.default === field.default) return quoteName(field.name);
      return `${evolvedField(field, before)} AS ${quoteName(field.name)}`;
    })
    .join(", ");
}

/** A segment, and where its checked file lies. */
export interface OpenSegment {
  readonly segment: Segment;
  readonly path: string;
}

/**
 * A SELECT of the valid events that these segments of one partition hold within one range.
 * Filters are left out where the segments' own facts make them idle, so that a full recompute is a plain scan.
 */
export function eventsIn(
  stream: StreamDefinition,
  segments: readonly OpenSegment[],
  range: Range,
  ordered: boolean,
): string {
  const inside = segments.filter(({ segment }) => segment.from < range.upto && segment.upto > range.from);
  const whole = inside.filter(
    ({ segment }) =>
      segment.dead + segment.duplicates === 0 && segment.from >= range.from && segment.upto <= range.upto,
  );
  const cut = inside.filter((each) => !whole.includes(each));
  const place = `CAST({t: epoch_ms(__timestamp), p: ${range.partition}, o: __offset} AS ${eventType}) AS ${eventColumn}`;
  const parts: string[] = [];
  const select = (files: readonly OpenSegment[], where: string) => {
    const kindOf = ({ decoder, nested }: Segment) => `${decoder}${nested ? " nested" : ""}`;
    for (const kind of new Set(files.map(({ segment }) => kindOf(segment)))) {
      const alike = files.filter(({ segment }) => kindOf(segment) === kind);
      const fields = typedFields(stream, alike[0]!.segment);
      parts.push(`SELECT ${ordered ? `${fields}, ${place}` : fields} FROM ${relationIn(alike)}${where}`);
    }
  };
  select(whole, "");
  select(cut, ` WHERE __fault IS NULL AND __offset >= ${range.from} AND __offset < ${range.upto}`);
  return parts.join(" UNION ALL ") || noEvents(stream, ordered);
}

/** A typed SELECT of no events. */
export function noEvents(stream: StreamDefinition, ordered: boolean): string {
  const columns = stream.fields.map((field) => `CAST(NULL AS ${field.type}) AS ${quoteName(field.name)}`);
  if (ordered) columns.push(`CAST(NULL AS ${eventType}) AS ${eventColumn}`);
  return `SELECT ${columns.join(", ")} WHERE false`;
}
