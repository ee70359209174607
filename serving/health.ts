/**
 * Checks in the background whether the views' own SQL has a value for every group, so that a group
 * without one is known before it is queried. A version's manifest lists the groups without a value
 * at its cut; after that, only groups that the delta touches and those that failed before are checked.
 */
import { groupKeyNames } from "../shared/compiler/partial-columns.ts";
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import { freshName, type Session } from "../shared/duckdb/duck.ts";
import { messageOf } from "../shared/errors.ts";
import { type BrokenSearch, brokenChangelogs } from "../shared/health/broken-changelogs.ts";
import {
  aroundFailing,
  failingLine,
  failingTexts,
  isGoneUnknown,
  noneFailing,
  raisedBy,
} from "../shared/health/failing-groups.ts";
import { pause } from "../shared/pause.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";
import type { FailingGroups, VersionManifest } from "../shared/store/layout.ts";
import type { Follower } from "./snapshot/follower.ts";
import type { ServedVersion, ServedView } from "./snapshot/loaded.ts";
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
  readonly #search: Omit<BrokenSearch, "keysOf">;
  readonly #incidents: Incidents;
  readonly #say: (line: string) => void;
  readonly #known = new Map<string, Known>();
  #reported = "";

  /**
   * @param session of its own
   * @param search where the record is found that breaks a changelog
   * @param incidents where failing views and broken changelogs are reported
   */
  constructor(
    follower: Follower,
    session: Session,
    search: Omit<BrokenSearch, "keysOf">,
    incidents: Incidents,
    say: (line: string) => void,
  ) {
    this.#follower = follower;
    this.#session = session;
    this.#search = search;
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
    await this.#report(served);
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

  /** Reports failing views and broken changelogs, once for each change. */
  async #report({ views, manifest, position }: ServedVersion): Promise<void> {
    const failing = new Map([...views.keys()].map((name) => [name, this.failing(name)] as const));
    const text = JSON.stringify([...failing]);
    if (text === this.#reported) return;
    this.#reported = text;
    const found = new Map<string, Trouble>();
    for (const [view, { groups, more }] of failing) {
      const line = failingLine({ groups: groups.filter(({ message }) => !isGoneUnknown(message)), more });
      if (line === null) continue;
      const { says, todo } = failingTexts(line);
      this.#say(`serve: view "${view}" ${says}; its other groups and the other views are still answered`);
      found.set(view, { code: "SERVE_VIEW_FAILED", message: `view "${view}" ${says}; ${todo}`, views: [view] });
    }
    await this.#incidents.settle("view-failed", found);
    const search = { ...this.#search, keysOf: (stream: string) => this.#failingKeys(views, stream) };
    const broken = await brokenChangelogs(search, manifest, position, failing);
    for (const { message } of broken.values()) this.#say(`serve: ${message}`);
    await this.#incidents.settle("changelog-broken", broken);
  }

  /** Keys of a changelog's table without a value, as texts; null: they are not known one by one. */
  async #failingKeys(views: ServedVersion["views"], stream: string): Promise<string[][] | null> {
    const table = views.get(stream)?.definition;
    const keys = this.#known.get(stream)?.keys;
    if (!table || !keys) return null;
    const list = groupKeyNames(table).map((key) => {
      const { type } = table.columns.find((column) => column.key === key)!;
      return `CAST(CAST(${key} AS ${type}) AS VARCHAR) AS ${key}`;
    });
    const rows = await this.#session.rows(`SELECT ${list.join(", ")} FROM ${keys}`);
    return rows.map((row) => Object.values(row).map(String));
  }

  close(): void {
    this.#session.close();
  }
}
