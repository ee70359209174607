/** Compares a consumer's target with its view at the position that the target states. */
import { keyedRowsOf } from "../serving/question/keyed-rows.ts";
import { atPosition } from "../serving/snapshot/past.ts";
import { rowsOf } from "../shared/compiler/texts.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { formatPosition, parsePosition } from "../shared/position.ts";
import type { ConsumerSection } from "../shared/project/consumers.ts";
import type { Incident } from "../shared/store/incidents.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { derivedFrom, placeOf, viewIn } from "./consumer.ts";
import { openTarget } from "./open-target.ts";
import type { TargetVerdict } from "./target.ts";

export interface VerifyConsumerOptions {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  /** The project's name. */
  readonly project: string;
  /** What files are pinned under. */
  readonly run: string;
}

/** @param repair where it differs, it is filled again by the process that runs tidemark deliver */
export async function verifyConsumer(
  { store, log, session, project, run }: VerifyConsumerOptions,
  consumer: ConsumerSection,
  repair: boolean,
): Promise<TargetVerdict & { readonly position: string }> {
  const newest = (await newestVersion(store))!;
  viewIn(newest.definition, consumer);
  const target = await openTarget(project, consumer);
  try {
    let position = "";
    const { identity } = await target.stated();
    if (identity !== null && identity !== derivedFrom(newest, consumer))
      throw new TidemarkError(
        "CONSUMER_UNFILLED",
        `consumer ${consumer.name}: its target is of an earlier definition of ${consumer.from}`,
        "tidemark deliver fills it again; try again then",
      );
    const verdict = await target.compare(async (stated) => {
      const at = parsePosition(stated, newest.origin);
      position = formatPosition(at);
      const past = await atPosition(store, log, at, run);
      const view = viewIn(past.snapshot.manifest.definition, consumer);
      const rows = rowsOf(view, await past.partials(session, view));
      return { view, rows: keyedRowsOf(session, view, { text: rows, params: [] }) };
    });
    if (repair && verdict.missing + verdict.extra + verdict.other > 0) await target.forget();
    return { ...verdict, position };
  } finally {
    await target.close();
  }
}

/** How a consumer is. */
export interface ConsumerStatus {
  readonly consumer: string;
  readonly from: string;
  readonly to: string;
  /** What its target states; null: it was not filled, or is not reached. */
  readonly position: string | null;
  readonly troubles: readonly string[];
}

export async function consumerStatus(
  project: string,
  consumer: ConsumerSection,
  incidents: readonly Incident[],
): Promise<ConsumerStatus> {
  const { name, from } = consumer;
  const own = incidents.filter(({ kind, subject }) => kind === "consumer-stopped" && subject === name);
  const known = { consumer: name, from, to: placeOf(consumer), troubles: own.map(({ message }) => message) };
  try {
    const target = await openTarget(project, consumer);
    try {
      return { ...known, position: (await target.stated()).position };
    } finally {
      await target.close();
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const troubles = known.troubles.includes(error.line) ? known.troubles : [...known.troubles, error.line];
    return { ...known, position: null, troubles };
  }
}
