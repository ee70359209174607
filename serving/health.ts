/**
 * Tries the views' own SQL on what entries change, behind the answers: a group without a value is
 * known before somebody asks for it. A version says of its partials for which groups they have
 * none; from there on only groups that the delta touches are tried, and those that failed before.
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

/** Between two looks; and of the time that a look takes, so much is left to others. */
const everyMs = 100;
const restShare = 9;
/** More failing groups are not gone around one by one: all of the view is tried each time. */
const keptMax = 100;

/** What is known of a view. */
interface Known {
  /** The version as it was made. */
  readonly version: string;
  /** The delta's table, and how far it is in here. */
  readonly table: string;
  readonly upto: number;
  readonly failing: FailingGroups;
  /** A table of the failing groups' keys; null: there are none, or they are not known one by one. */
  readonly keys: string | null;
}

export class ViewHealth {
  readonly #follower: Follower;
  readonly #session: Session;
  readonly #incidents: Incidents | null;
  readonly #say: (line: string) => void;
  readonly #known = new Map<string, Known>();
  #told = "";

  /**
   * @param session of its own
   * @param incidents where failing views are told of
   */
  constructor(follower: Follower, session: Session, incidents: Incidents | null, say: (line: string) => void) {
    this.#follower = follower;
    this.#session = session;
    this.#incidents = incidents;
    this.#say = say;
  }

  /**
   * Groups of a view that had no value when it was last tried; of a version that nobody has tried
   * yet, what its manifest says.
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
      const failure = await this.look().then(
        () => "",
        (error: unknown) => messageOf(error),
      );
      if (failure !== "" && failure !== complaint && !signal.aborted)
        this.#say(`serve: views are not tried: ${failure}`);
      complaint = failure;
      await pause(Math.max(everyMs, (performance.now() - began) * restShare), signal);
    }
  }

  /** Tries what has changed since the last look. */
  async look(): Promise<void> {
    using served = this.#follower.pin();
    await this.#session.inZone(served.manifest.definition.timezone);
    for (const view of served.views.values()) {
      if (view.failed || view.damaged !== null) continue;
      const { name } = view.definition;
      const before = this.#known.get(name);
      const known = await this.#try(view, served.manifest, before);
      if (before?.keys && before.keys !== known.keys) await this.#session.run(`DROP TABLE IF EXISTS ${before.keys}`);
      this.#known.set(name, known);
    }
    for (const name of this.#known.keys()) if (!served.views.has(name)) this.#known.delete(name);
    await this.#tell(served.views);
  }

  async #try(view: ServedView, manifest: VersionManifest, before: Known | undefined): Promise<Known> {
    const { definition, base, delta, upto } = view;
    const version = versionName(manifest);
    const same = before?.version === version ? before : null;
    if (same?.table === delta && same.upto === upto) return same;
    const now = { version, table: delta, upto };
    const keys = groupKeyNames(definition);
    const made = manifest.views[definition.name];
    // what is known to be well needs no second look, unless events come
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
      async (well, { groups, more, keys: failing }) => {
        const kept = well === null ? null : freshName("failing");
        if (kept) await this.#session.run(`CREATE TEMP TABLE ${kept} AS ${failing}`);
        return { ...now, failing: { groups, more }, keys: kept };
      },
    );
  }

  /** Once for each change. */
  async #tell(views: ReadonlyMap<string, ServedView>): Promise<void> {
    const failing = [...views.keys()].flatMap((name) => {
      const line = failingLine(this.failing(name));
      return line === null ? [] : [[name, `view "${name}" fails on valid events: ${line}`] as const];
    });
    const told = JSON.stringify(failing);
    if (told === this.#told) return;
    this.#told = told;
    for (const [, line] of failing) this.#say(`serve: ${line}; its other groups, and the other views, go on`);
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
