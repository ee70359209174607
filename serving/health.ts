/**
 * Checks in the background whether the views' own SQL has a value for every group, so that a group
 * without one is known before it is queried. A version's manifest lists the groups without a value
 * at its cut; after that, only groups that the delta touches and those that failed before are checked.
 */
import { groupKeyNames } from "../shared/compiler/partial-columns.ts";
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import { freshName, type Session } from "../shared/duckdb/duck.ts";
import { messageOf } from "../shared/errors.ts";
import { aroundFailing, failingLine, noneFailing, raisedBy } from "../shared/health/failing-groups.ts";
import { pause } from "../shared/pause.ts";
import type { Incidents } from "../shared/store/incidents.ts";
import type { FailingGroups, VersionManifest } from "../shared/store/layout.ts";
import type { Follower } from "./snapshot/follower.ts";
import type { ServedView } from "./snapshot/loaded.ts";
import { versionName } from "./snapshot/name.ts";

/** Between two checks; and the pause after a check, as a multiple of the time that it took. */
const everyMs = 100;
const restShare = 9;
/** Above this many failing groups they are not tracked one by one: the whole view is checked each time. */
const keptMax = 100;

/** What the last check of a view found. */
interface Known {
  /** The version that was checked. */
  readonly version: string;
  /** The delta's table, and up to which stretch it was checked. */
  readonly table: string;
  readonly upto: number;
  readonly failing: FailingGroups;
  /** A table of the failing groups' keys; null: there are none, or they are not tracked one by one. */
  readonly keys: string | null;
}

export class ViewHealth {
  readonly #follower: Follower;
  readonly #session: Session;
  readonly #incidents: Incidents | null;
  readonly #say: (line: string) => void;
  readonly #known = new Map<string, Known>();
  #reported = "";

  /**
   * @param session of its own
   * @param incidents where failing views are reported
   */
  constructor(follower: Follower, session: Session, incidents: Incidents | null, say: (line: string) => void) {
    this.#follower = follower;
    this.#session = session;
    this.#incidents = incidents;
    this.#say = say;
  }

  /**
   * Groups of a view that had no value when it was last checked; of a version that has not been
   * checked yet, those in its manifest.
   */
  failing(view: string): FailingGroups {
    const { manifest } = this.#follower;
    const known = this.#known.get(view);
    if (known?.version === versionName(manifest)) return known.failing;
    return manifest.views[view]?.failing ?? noneFailing;
  }

  async run(signal: AbortSignal): Promise<void> {
    let complaint = "";
    while (!signal.aborted) {
      const began = performance.now();
      const failure = await this.check().then(
        () => "",
        (error: unknown) => messageOf(error),
      );
      if (failure !== "" && failure !== complaint && !signal.aborted)
        this.#say(`serve: checking views failed: ${failure}`);
      complaint = failure;
      await pause(Math.max(everyMs, (performance.now() - began) * restShare), signal);
    }
  }

  /** Checks what has changed since the last check. */
  async check(): Promise<void> {
    using served = this.#follower.pin();
    await this.#session.inZone(served.manifest.definition.timezone);
    for (const view of served.views.values()) {
      if (view.failed || view.damaged !== null) continue;
      const { name } = view.definition;
      const before = this.#known.get(name);
      const known = await this.#checkView(view, served.manifest, before);
      if (before?.keys && before.keys !== known.keys) await this.#session.run(`DROP TABLE IF EXISTS ${before.keys}`);
      this.#known.set(name, known);
    }
    for (const name of this.#known.keys()) if (!served.views.has(name)) this.#known.delete(name);
    await this.#report(served.views);
  }

  async #checkView(view: ServedView, manifest: VersionManifest, before: Known | undefined): Promise<Known> {
    const { definition, base, delta, upto } = view;
    const version = versionName(manifest);
    const same = before?.version === version ? before : null;
    if (same?.table === delta && same.upto === upto) return same;
    const now = { version, table: delta, upto };
    const keys = groupKeyNames(definition);
    const made = manifest.views[definition.name];
    // a group with a value is not checked again until events arrive for it
    const known = same?.failing ?? (made?.file === null ? noneFailing : made?.failing);
    const single = keys.length > 0 && definition.rollUp !== null;
    const around = single && known && (known.groups.length === 0 || same?.keys);
    const columns = partialColumns(definition);
    const from = same?.table === delta ? same.upto : 0;
    const fresh = `FROM ${delta} WHERE __stretch >= ${from} AND __stretch < ${upto}`;
    if (
      known &&
      Number(await this.#session.value(`SELECT count(*) ${fresh}`)) === 0 &&
      (same || known.groups.length === 0)
    )
      return { ...now, failing: known, keys: same?.keys ?? null };
    const own = (table: string) => {
      if (!around) return `SELECT ${columns} FROM ${table} AS own`;
      const on = keys.map((key) => `own.${key} IS NOT DISTINCT FROM touched.${key}`).join(" AND ");
      return `SELECT ${columns} FROM ${table} AS own SEMI JOIN touched ON ${on}`;
    };
    const list = keys.join(", ");
    const more = same?.keys ? ` UNION FROM ${same.keys}` : "";
    const touched = around ? `WITH touched AS MATERIALIZED (SELECT DISTINCT ${list} ${fresh}${more}) ` : "";
    const partials = `${touched}${own(base)} UNION ALL ${own(delta)} WHERE own.__stretch < ${upto}`;
    if ((await raisedBy(this.#session, rowsOf(definition, partials))) === null)
      return { ...now, failing: noneFailing, keys: null };
    return aroundFailing(
      this.#session,
      definition,
      partials,
      [],
      keptMax,
      async (passing, { groups, more, keys: failing }) => {
        const kept = passing === null ? null : freshName("failing");
        if (kept) await this.#session.run(`CREATE TEMP TABLE ${kept} AS ${failing}`);
        return { ...now, failing: { groups, more }, keys: kept };
      },
    );
  }

  /** Reports failing views, once for each change. */
  async #report(views: ReadonlyMap<string, ServedView>): Promise<void> {
    const failing = [...views.keys()].flatMap((name) => {
      const line = failingLine(this.failing(name));
      return line === null ? [] : [[name, `view "${name}" fails on valid events: ${line}`] as const];
    });
    const text = JSON.stringify(failing);
    if (text === this.#reported) return;
    this.#reported = text;
    for (const [, line] of failing)
      this.#say(`serve: ${line}; its other groups and the other views are still answered`);
    const found = failing.map(([view, line]) => {
      return [
        view,
        { code: "SERVE_VIEW_FAILED", message: `${line}; correct its SQL and run a batch`, views: [view] },
      ] as const;
    });
    await this.#incidents?.settle("view-failed", new Map(found));
  }

  close(): void {
    this.#session.close();
  }
}
