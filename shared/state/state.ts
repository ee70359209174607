/**
 * State at a log position: what the records of a stream below it have left behind, folded one after the other
 * in the log's order. It is the second algebra beside partials. Partials of two stretches combine, whichever
 * comes first; a state only ever goes on along its log, so what is shared is not the state but how to get to
 * it: by folding, by what an entry of a delta carries, by what the archive remembers.
 *
 * Its laws, which `test/state/laws.ts` checks of every kind:
 * - folding a stretch in any batches leaves the same state;
 * - a state opened at a position equals the one folded from the origin to there, wherever the archive ends,
 *   whatever the entries carry and however they were joined.
 */
import type { DecodedRecords } from "../decode/decoded.ts";
import type { StreamDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import type { RecordBatch } from "../log/log.ts";
import type { Segment } from "../store/layout.ts";

/**
 * The state of one stream, over its partitions, each folded in offset order.
 * @typeParam C what an entry carries of a partition's stretch: plain JSON
 * @typeParam R what the archive remembers of a segment beside its rows: plain JSON, fields of its manifest
 */
export interface State<C extends CarriedState, R extends object> {
  /**
   * The next records of each partition.
   * @param decoded the same records, row for row, which may be marked as ones that do not count; null only
   *   where the kind needs no rows
   */
  fold(batches: readonly RecordBatch[], decoded: DecodedRecords | null): Promise<unknown>;
  /** What an entry must carry of the records folded since this was asked last, so that another need not fold them. */
  carry(): readonly C[];
  /**
   * Goes over a stretch, or over the end of one whose beginning is folded. @returns false where that carries
   * too little
   */
  pass(carried: C): boolean;
  /** A segment of the archive begins with the next record of the partition. */
  startSegment(partition: number): void;
  /** What the archive must remember of that segment. @param rows a relation with the columns of an archive file */
  remembered(session: Session, partition: number, rows: string): Promise<R>;
  close(): Promise<void>;
}

/** The state of one partition, as entries carry it. */
export interface CarriedState {
  readonly partition: number;
}

export interface StateKind<S extends State<C, R>, C extends CarriedState, R extends object> {
  /** Under which entries carry it. */
  readonly name: string;
  /**
   * The state at the origin. @param scratch a folder for what memory does not hold: made when it is needed,
   * removed by `close`
   */
  empty(stream: StreamDefinition, scratch: string): S;
  /** False where the records' headers alone say enough, and nothing is decoded for it. */
  needsRows(stream: StreamDefinition): boolean;
  /**
   * From the origin to `offset`, as far as the partition's archive reaches.
   * @throws STORE_CORRUPT, STORE_MISSING
   */
  recall(state: S, archived: ArchivedPartition, offset: number): Promise<void>;
  /** Of neighbouring stretches as of one. */
  join(stretches: readonly (readonly C[])[]): readonly C[];
}

/** The archive of one partition. */
export interface ArchivedPartition {
  readonly session: Session;
  readonly stream: StreamDefinition;
  readonly partition: number;
  readonly segments: readonly Segment[];
  /** A segment's rows as a relation over its checked file. */
  readonly rowsOf: (segment: Segment) => Promise<string>;
}
