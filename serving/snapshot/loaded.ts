/** One version and its delta as DuckDB tables, which follow the store and are read through pinned snapshots. */
import { combineOf, noPartials, partialColumns } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { freshName, type Session } from "../../shared/duckdb/duck.ts";
import { isCode, type TidemarkError } from "../../shared/errors.ts";
import { isOfValues } from "../../shared/health/failing-groups.ts";
import { covers, equals, furthest, ofShard, type Position } from "../../shared/position.ts";
import { type Counts, sumCounts } from "../../shared/store/counts.ts";
import type { Entry, Head, VersionManifest, ViewFailure } from "../../shared/store/layout.ts";
import { entryFiles, failureOf, partialsIn, versionFiles } from "../../shared/store/partials.ts";
import type { Store } from "../../shared/store/store.ts";
import { checkChain, newestHead } from "../../shared/store/versions.ts";

/** Above this many appended stretches, the older ones are combined into one, in memory. */
const stretchesMax = 48;
/** The newest stay separate, so that a reader that follows them can continue from its own stretch. */
const stretchesKept = 8;

/** A table that is dropped with its last user. */
interface Table {
  readonly name: string;
  users: number;
}

/** A view's delta; see ServedView. */
interface Delta {
  readonly table: Table;
  readonly upto: number;
  readonly mergedUpto: number;
}

interface ShardState {
  readonly position: Position;
  readonly generation: number;
}

/** A view as one query reads it: fixed tables up to a fixed stretch, at an exact position. */
export interface ServedView {
  readonly definition: ViewDefinition;
  readonly base: string;
  readonly delta: string;
  /**
   * Delta rows with `__stretch` below this belong to the snapshot: it is one more than the last
   * stretch that touched the view.
   */
  readonly upto: number;
  /** Stretches below this were combined: a reader that stopped below it can't find out what was added since. */
  readonly mergedUpto: number;
  readonly failed: ViewFailure | null;
  /** Why its version's file can't be read; null: it can. */
  readonly damaged: string | null;
}

export interface ServedVersion extends Disposable {
  readonly manifest: VersionManifest;
  readonly position: Position;
  readonly views: ReadonlyMap<string, ServedView>;
  /** The HEADs of the deltas that it reads. */
  readonly heads: readonly Head[];
  /** The generations that derived the deltas: another generation may give other rows at the same position. */
  readonly derivation: string;
  /** Latest log timestamp in the delta, ms; 0 where it is empty. */
  readonly latest: number;
  /** How the records below the position were counted. */
  readonly counts: Counts;
  /** Events below the position, by layer. */
  readonly events: { readonly batch: number; readonly speed: number };
  release(): void;
}

interface UnpinnedVersion extends Omit<ServedVersion, "release" | typeof Symbol.dispose> {
  /** The tables that a pin keeps. */
  readonly used: readonly Table[];
}

export class LoadedVersion {
  readonly manifest: VersionManifest;
  readonly #store: Store;
  readonly #session: Session;
  #bases = new Map<string, Table>();
  #deltas = new Map<string, Delta>();
  /** Views whose file of the version can't be read, and why. */
  readonly damaged = new Map<string, TidemarkError>();
  #shards = new Map<number, ShardState>();
  #heads = new Map<number, Head>();
  /** The next stretch. Stretch 0 is what the tables were created with. */
  #stretch = 1;
  #appended = 0;
  /** The number of tables that are not dropped yet. */
  #liveTables = 0;
  #closed = false;
  /** Null: out of date. */
  #current: UnpinnedVersion | null = null;

  constructor(store: Store, session: Session, manifest: VersionManifest) {
    this.#store = store;
    this.#session = session;
    this.manifest = manifest;
  }

  /**
   * Reads the version's files into tables, after checking them. A view whose file is damaged has no
   * answer; the others do.
   */
  async open(): Promise<void> {
    for (const view of this.manifest.definition.views) {
      const order = view.keys.length > 0 ? ` ORDER BY ${view.keys.map((key) => key.name).join(", ")}` : "";
      this.#bases.set(view.name, await this.#create("base", `${await this.#partialsOf(view)}${order}`));
    }
    this.#deltas = await this.#newDeltas();
    for (let shard = 0; shard < this.manifest.definition.shards; shard++)
      this.#shards.set(shard, {
        position: ofShard(this.manifest.cut, shard, this.manifest.definition.shards),
        generation: 0,
      });
    this.#current = null;
  }

  async #partialsOf(view: ViewDefinition): Promise<string> {
    try {
      return await partialsIn(this.#store, view, versionFiles(this.manifest, view.name));
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      this.damaged.set(view.name, error);
      return noPartials(view);
    }
  }

  get position(): Position {
    return this.#now().position;
  }

  /** See ServedVersion.derivation. */
  get derivation(): string {
    return this.#now().derivation;
  }

  /**
   * Reads what the shards' HEADs have beyond our position.
   * @throws STORE_CORRUPT, STORE_MISSING, STORE_GAP; the snapshot before stays served
   */
  async follow(): Promise<void> {
    // all HEADs first: compaction may replace files of any shard while another shard's are read
    const found: Head[] = [];
    for (const [shard, state] of this.#shards) {
      const head = await newestHead(this.#store, this.manifest.number, shard);
      // never back: a newer generation is accepted only if it covers what was served
      if (!head || !covers(head.position, state.position)) continue;
      if (!equals(head.position, state.position)) checkChain(this.manifest, head);
      found.push(head);
    }
    const known = (head: Head) => this.#shards.get(head.shard)!;
    const moved = found.filter((head) => !equals(head.position, known(head).position));
    const starts = moved.map((head) => head.entries.findIndex((entry) => equals(entry.from, known(head).position)));
    // another generation may have derived other rows for what is in the tables already
    const rederived = found.some((head) => head.generation !== known(head).generation);
    if (starts.includes(-1) || rederived) await this.#reload(found);
    else for (const [i, head] of moved.entries()) await this.#append(head, head.entries.slice(starts[i]!));
    for (const head of found) this.#heads.set(head.shard, head);
    this.#current = null;
    if (this.#appended > stretchesMax) await this.#combine();
  }

  /** Pins the current snapshot for one reader, which must release it. */
  pin(): ServedVersion {
    const { used, ...snapshot } = this.#now();
    for (const table of used) table.users++;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      for (const table of used) this.#drop(table);
    };
    return { ...snapshot, release, [Symbol.dispose]: release };
  }

  /** The current snapshot, shared by all readers until something changes. */
  #now(): UnpinnedVersion {
    this.#current ??= this.#stateNow();
    return this.#current;
  }

  #stateNow(): UnpinnedVersion {
    const { manifest } = this;
    const heads = [...this.#heads.values()];
    const shards = [...this.#shards.values()];
    const position = shards.reduce((sum, shard) => furthest(sum, shard.position), manifest.cut);
    const views = manifest.definition.views.flatMap((definition): [string, ServedView][] => {
      const { name } = definition;
      const [base, delta] = [this.#bases.get(name), this.#deltas.get(name)];
      if (!base || !delta) return [];
      const failed = failureOf({ manifest, heads, position }, name);
      const damaged = this.damaged.get(name)?.message ?? null;
      const { table, upto, mergedUpto } = delta;
      return [[name, { definition, base: base.name, delta: table.name, upto, mergedUpto, failed, damaged }]];
    });
    const entries = heads.flatMap((head) => head.entries);
    return {
      manifest,
      position,
      views: new Map(views),
      heads,
      derivation: shards.map((shard) => shard.generation).join("."),
      latest: entries.reduce((latest, entry) => Math.max(latest, entry.latest), 0),
      counts: sumCounts([manifest, ...entries]),
      events: { batch: manifest.events, speed: entries.reduce((sum, entry) => sum + entry.events, 0) },
      used: this.#tables,
    };
  }

  /** The tables, and then the session, are closed with their last reader. */
  close(): void {
    this.#closed = true;
    for (const table of this.#tables) this.#drop(table);
    if (this.#liveTables === 0) this.#session.close();
  }

  get #tables(): Table[] {
    return [...this.#bases.values(), ...[...this.#deltas.values()].map(({ table }) => table)];
  }

  /**
   * A reader that pins between two statements sees none of it: the stretch becomes visible only when it is
   * complete.
   */
  async #append(head: Head, entries: readonly Entry[]): Promise<void> {
    const touched = await this.#insert(this.#deltas, entries, this.#stretch);
    this.#stretch++;
    for (const view of touched) this.#deltas.set(view, { ...this.#deltas.get(view)!, upto: this.#stretch });
    this.#current = null;
    this.#appended += entries.length;
    this.#commit(head);
  }

  /**
   * Entries don't start at our position (they were compacted or recomputed meanwhile): the deltas
   * of all shards are read again.
   */
  async #reload(found: readonly Head[]): Promise<void> {
    const others = [...this.#heads.values()].filter((head) => !found.some((each) => each.shard === head.shard));
    this.#stretch++;
    const fresh = await this.#newDeltas();
    try {
      for (const head of [...others, ...found]) await this.#insert(fresh, head.entries, 0);
    } catch (error) {
      for (const { table } of fresh.values()) this.#drop(table);
      throw error;
    }
    this.#swapDeltas(fresh);
    for (const head of found) this.#commit(head);
  }

  #commit(head: Head): void {
    this.#heads.set(head.shard, head);
    this.#shards.set(head.shard, { position: head.position, generation: head.generation });
    this.#current = null;
  }

  /** @returns the views that the entries touch */
  async #insert(deltas: ReadonlyMap<string, Delta>, entries: readonly Entry[], stretch: number): Promise<string[]> {
    const touched: { readonly view: string; readonly partials: string }[] = [];
    for (const view of this.manifest.definition.views) {
      const files = entryFiles(entries, view.name);
      if (files.length > 0) touched.push({ view: view.name, partials: await partialsIn(this.#store, view, files) });
    }
    await this.#session.transaction(async () => {
      for (const { view, partials } of touched)
        await this.#session.run(`INSERT INTO ${deltas.get(view)!.table.name} SELECT *, ${stretch} FROM (${partials})`);
    });
    return touched.map(({ view }) => view);
  }

  async #newDeltas(): Promise<Map<string, Delta>> {
    const fresh = new Map<string, Delta>();
    const [upto, mergedUpto] = [this.#stretch, this.#stretch];
    for (const view of this.manifest.definition.views) {
      const table = await this.#create("delta", `SELECT *, 0::INTEGER AS __stretch FROM (${noPartials(view)})`);
      fresh.set(view.name, { table, upto, mergedUpto });
    }
    return fresh;
  }

  #swapDeltas(fresh: Map<string, Delta>): void {
    for (const [view, { table }] of this.#deltas) if (fresh.get(view)?.table !== table) this.#drop(table);
    this.#deltas = fresh;
    this.#appended = 0;
    this.#current = null;
  }

  /** Combines the older stretches, so that a query merges few rows. */
  async #combine(): Promise<void> {
    const fresh = new Map<string, Delta>();
    const older = this.#stretch - stretchesKept;
    for (const view of this.manifest.definition.views) {
      const before = this.#deltas.get(view.name)!;
      const { table, upto, mergedUpto } = before;
      const some = `SELECT 1 FROM ${table.name} WHERE __stretch > 0 AND __stretch < ${older} LIMIT 1`;
      if (upto === mergedUpto || (await this.#session.value(some)) === null) {
        fresh.set(view.name, before);
        continue;
      }
      const columns = partialColumns(view);
      const rows = (where: string) => `SELECT ${columns} FROM ${table.name} WHERE ${where}`;
      const order = view.keys.length > 0 ? ` ORDER BY ${view.keys.map((key) => key.name).join(", ")}` : "";
      const create = (select: string) =>
        this.#create("delta", `SELECT *, 0::INTEGER AS __stretch FROM (${select})${order}`);
      const own = rows(`__stretch < ${older}`);
      const next = await create(combineOf(view, own)).catch((error: unknown) => {
        // a group has no value: its queries fail, and the other views are still answered
        if (!isOfValues(error)) throw error;
        return create(own);
      });
      fresh.set(view.name, { table: next, upto, mergedUpto: Math.min(upto, older) });
      await this.#session.run(
        `INSERT INTO ${next.name} SELECT ${columns}, __stretch FROM ${table.name} WHERE __stretch >= ${older}`,
      );
    }
    this.#swapDeltas(fresh);
  }

  async #create(kind: string, select: string): Promise<Table> {
    const name = freshName(kind);
    await this.#session.run(`CREATE TABLE ${name} AS ${select}`);
    this.#liveTables++;
    return { name, users: 1 };
  }

  #drop(table: Table): void {
    if (--table.users > 0) return;
    void this.#session
      .run(`DROP TABLE IF EXISTS ${table.name}`)
      .catch(() => undefined)
      .finally(() => {
        this.#liveTables--;
        if (this.#closed && this.#liveTables === 0) this.#session.close();
      });
  }
}
