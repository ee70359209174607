/** Duplicate suppression as a state at a log position: the rule of `duplicates.ts`, applied to decoded records. */

import { requestsIn } from "../archive/segment-rows.ts";
import { dedupOf } from "../archive/segments.ts";
import type { DecodedRecords } from "../decode/decoded.ts";
import type { StreamDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import { Duplicates, joinCarried, type StrangeStamp } from "../duplicates/duplicates.ts";
import { faultOfDuplicate, faultOfFenced, faultOfRepeated } from "../duplicates/faults.ts";
import { type Clock, noClock } from "../duplicates/log-time.ts";
import type { CarriedRequests } from "../duplicates/partition.ts";
import { Spill } from "../duplicates/spill.ts";
import type { RecordBatch } from "../log/log.ts";
import type { Segment } from "../store/layout.ts";
import { recallArchived } from "./recall.ts";
import type { State, StateKind } from "./state.ts";

/** More ranges of requests than this are read from the file. */
const requestsInManifest = 1000;

/** What a segment's manifest says of duplicates. */
export type SegmentSuppression = Pick<Segment, "requests" | "dedup" | "clock" | "unsteady" | "chain">;

/** How many records of a fold were suppressed, and how many came late. */
export interface SuppressionCounts {
  readonly duplicates: number;
  readonly late: number;
}

export class Suppression implements State<CarriedRequests, SegmentSuppression> {
  readonly rule: Duplicates;
  readonly #stream: StreamDefinition;
  /** Of each partition, of the segment that has begun. */
  readonly #segments = new Map<number, { readonly clock: Clock; anyRequest: boolean }>();

  constructor(stream: StreamDefinition, scratch: string) {
    this.#stream = stream;
    this.rule = new Duplicates(stream.dedupMs, new Spill(scratch), stream.changelog !== undefined);
  }

  async fold(batches: readonly RecordBatch[], decoded: DecodedRecords | null): Promise<SuppressionCounts> {
    const judged = this.rule.judge(batches, await this.#idsOf(decoded));
    await decoded?.suppress(judged.duplicates, faultOfDuplicate);
    await decoded?.suppress(judged.repeated, faultOfRepeated);
    await decoded?.suppress(judged.fenced, faultOfFenced);
    for (const { partition, requests } of batches) {
      const segment = this.#segments.get(partition);
      if (segment && requests.length > 0) segment.anyRequest = true;
    }
    const { duplicates, repeated, fenced, late } = judged;
    return { duplicates: duplicates.length + repeated.length + fenced.length, late };
  }

  /** The event id of each record; null where the stream has no window. */
  async #idsOf(decoded: DecodedRecords | null): Promise<(string | null)[] | null> {
    const { id, dedupMs } = this.#stream;
    return dedupMs !== null && id !== null && decoded ? decoded.texts(id) : null;
  }

  /** Of a stream with a window nothing is carried: which of an id's records counted depends on all before it. */
  carry(): readonly CarriedRequests[] {
    const carried = this.rule.carry();
    return this.rule.windowMs === null ? carried : [];
  }

  pass(carried: CarriedRequests): boolean {
    return this.rule.pass(carried);
  }

  strangeStamps(): readonly StrangeStamp[] {
    return this.rule.strangeStamps();
  }

  startSegment(partition: number): void {
    this.#segments.set(partition, { clock: this.rule.clockOf(partition), anyRequest: false });
    this.rule.startStretch(partition);
  }

  async remembered(session: Session, partition: number, rows: string): Promise<SegmentSuppression> {
    const { clock: before, anyRequest } = this.#segments.get(partition) ?? { clock: noClock, anyRequest: true };
    const isSteady = this.rule.isSteady(partition);
    const found = async () => (isSteady ? requestsIn(session, rows, before, requestsInManifest) : null);
    const chain = this.rule.chainOf(partition);
    return {
      // of a changelog there are none but its chain's
      requests: anyRequest && chain === undefined ? await found() : [],
      dedup: dedupOf(this.#stream),
      clock: this.rule.clockOf(partition),
      ...(chain === undefined ? {} : { chain }),
      ...(isSteady ? {} : { unsteady: true as const }),
    };
  }

  close(): Promise<void> {
    return this.rule.close();
  }
}

export const suppression: StateKind<Suppression, CarriedRequests, SegmentSuppression> = {
  name: "duplicates",
  empty: (stream, scratch) => new Suppression(stream, scratch),
  needsRows: ({ dedupMs }) => dedupMs !== null,
  recall: ({ rule }, archived, offset) => recallArchived(rule, archived, offset),
  join: joinCarried,
};
