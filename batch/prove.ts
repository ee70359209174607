/** prove: version n ⊕ its delta at the new cut must equal version n+1, key by key. A free self-test of both layers every night. */
import { comparePartials, type Difference } from "../shared/compare.ts";
import { combineOf, partialOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import { isOfValues } from "../shared/health/failing-groups.ts";
import { saidWithoutValues } from "../shared/health/said.ts";
import { noInputs } from "../shared/history/inputs.ts";
import type { ViewFile } from "../shared/store/layout.ts";
import { failureOf, partialsIn, snapshotFiles } from "../shared/store/partials.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

/** A view whose two tellings differ. */
export interface Disproved {
  readonly view: ViewDefinition;
  /** `left` is the version and its delta, `right` the recompute. */
  readonly differences: readonly Difference[];
}

export interface Proved {
  /** Number of views that are equal. */
  readonly proved: number;
  readonly disproved: readonly Disproved[];
  /** Views that can't be compared, and why. */
  readonly unproved: ReadonlyMap<string, string>;
}

/**
 * Compares the new partials with what the snapshot at the same position serves, for every view whose partials mean the same.
 *
 * @param say told of each view that can't be compared, and why
 * @param pinned the older version and its delta, whose files the caller has checked and keeps from being removed; its position is the new cut
 */
export async function prove(
  store: Store,
  session: Session,
  pinned: Snapshot,
  definition: Definition,
  files: Readonly<Record<string, ViewFile>>,
  say: (line: string) => void,
): Promise<Proved> {
  let proved = 0;
  const disproved: Disproved[] = [];
  const unproved = new Map<string, string>();
  for (const view of definition.views) {
    const before = pinned.manifest.definition.views.find((each) => each.name === view.name);
    const fresh = files[view.name]!;
    const skipped = !before
      ? "it is new"
      : before.identity !== view.identity
        ? "it has changed"
        : failureOf(pinned, view.name) || fresh.failed
          ? "it has failed"
          : null;
    if (skipped) {
      say(`view ${view.name}: not proved, since ${skipped}`);
      unproved.set(view.name, skipped);
      continue;
    }
    if (fresh.file) await store.check(fresh.file);
    const old = snapshotFiles(pinned, view.name);
    const served = combineOf(view, await withIdentity(definition, view, partialsIn(store, view, old)));
    const recomputed = combineOf(
      view,
      await withIdentity(definition, view, partialsIn(store, view, fresh.file ? [fresh.file] : [])),
    );
    try {
      const { differences } = await comparePartials(session, view, served, recomputed);
      if (differences.length > 0) disproved.push({ view, differences });
      else proved++;
    } catch (error) {
      if (!isOfValues(error)) throw error;
      unproved.set(view.name, `its partials can't be merged: ${saidWithoutValues(error)}`);
      say(`view ${view.name}: not proved, since ${unproved.get(view.name)}`);
    }
  }
  return { proved, disproved, unproved };
}

/** A view without keys has a row of counts 0 where events were looked for and none found, and no row where nobody looked: the same. */
export async function withIdentity(definition: Definition, view: ViewDefinition, partials: string): Promise<string> {
  if (!view.global) return partials;
  return `${partials} UNION ALL (${partialOf(view, await noInputs(definition, view))})`;
}

/** The error that says so. */
export function disprovedError(
  pinned: Snapshot,
  { view, differences }: Disproved,
  says: string,
  todo: string,
): TidemarkError {
  const first = differences[0]!;
  const { number } = pinned.manifest;
  const { left, right } = first;
  const parts = view.parts
    .map(({ name }) => name)
    .filter((name) => JSON.stringify(left?.[name]) !== JSON.stringify(right?.[name]));
  const rows = differences.length === 1 ? "one group" : `${differences.length} groups`;
  const how =
    left && right
      ? `the first in ${parts.join(", ")}`
      : `the first is missing from ${left ? "the recompute" : `version ${number} and its delta`}`;
  return new TidemarkError(
    "BATCH_UNPROVED",
    `view ${view.name}: version ${number} and its delta differ from the recompute in ${rows}, ${how}; ${says}; nothing was published`,
    todo,
    { view: view.name, parts, rows: differences.length, says },
  );
}
