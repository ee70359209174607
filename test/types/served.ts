/**
 * A world whose views show every type: values made of texts, the same sent again as typed events, and groups by
 * them.
 */
import { queryLimits } from "../../serving/sql/queries.ts";
import { Duck, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { covers, formatPosition, parsePosition } from "../../shared/position.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";
import { rows, type TypeRow, types, valueAt } from "./table.ts";

export const zone = "Europe/Berlin";
export const fields = types.filter(({ field }) => field);
export const keys = fields.filter(({ noKey }) => !noKey);

const text = ({ name }: TypeRow) => `c_${name}`;
const typed = ({ name }: TypeRow) => `f_${name}`;
const shown = (columns: readonly string[]) => columns.join(", ");

/** `made`: of texts; `sent`: of typed events; `keyed`: groups of those. */
export const views: Readonly<Record<string, string>> = {
  made: `SELECT i, ${shown(types.map((each) => `CAST(max(${text(each)}) AS ${each.type}) AS ${each.name}`))} FROM events WHERE kind = 'made' GROUP BY i`,
  sent: `SELECT i, ${shown(fields.map((each) => `any_value(${typed(each)}) AS ${each.name}`))} FROM events WHERE kind = 'sent' GROUP BY i`,
  keyed: `SELECT i, ${shown(keys.map((each) => `${typed(each)} AS ${each.name}`))}, count(*) AS n FROM events WHERE kind = 'sent' GROUP BY ALL`,
};

export const eventFields: Readonly<Record<string, string>> = {
  i: "BIGINT",
  kind: "VARCHAR",
  ...Object.fromEntries(types.map((each) => [text(each), "VARCHAR?"])),
  ...Object.fromEntries(fields.map((each) => [typed(each), `${each.type}?`])),
};

/** The events that `made` is made of. */
export const madeEvents: readonly string[] = Array.from({ length: rows }, (_, i) =>
  JSON.stringify({ i, kind: "made", ...Object.fromEntries(types.map((each) => [text(each), valueAt(each, i)])) }),
);

/** A row's members as the typed event that says the same. @param written each column's JSON */
export function sentEvent(i: number, kind: string, written: ReadonlyMap<string, string>): string {
  const members = fields.map((each) => `"${typed(each)}":${written.get(each.name)!}`);
  return `{"i":${i},"kind":"${kind}",${members.join(",")}}`;
}

/** SQL of what `made` is, in plain DuckDB. */
export function truth(columns: readonly TypeRow[]): string {
  const each = Array.from({ length: rows }, (_, i) => {
    const values = columns.map((column) => {
      const value = valueAt(column, i);
      return `CAST(${value === undefined ? "NULL" : quoteText(value)} AS ${column.type}) AS ${quoteName(column.name)}`;
    });
    return `SELECT ${i}::BIGINT AS i, ${shown(values)}`;
  });
  return each.join(" UNION ALL ");
}

export class ServedTypes {
  readonly world: World;
  readonly api: Api;
  readonly url: string;
  /** Of plain DuckDB, in the same zone. */
  readonly plain: Session;
  readonly #duck: Duck;
  readonly #writer: DeltaWriter;

  private constructor(world: World, api: Api, url: string, duck: Duck, plain: Session, writer: DeltaWriter) {
    [this.world, this.api, this.url, this.#duck, this.plain, this.#writer] = [world, api, url, duck, plain, writer];
  }

  static async open(): Promise<ServedTypes> {
    const world = await World.open({ stream: { ...stream("events", { ...eventFields }), partitions: 1 }, views });
    world.definition = { ...world.definition, timezone: zone };
    const version = await world.firstVersion();
    const writer = await world.writer(version, 0);
    const api = await openApi(world, { models: true, limits: queryLimits });
    const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const duck = await Duck.open({ threads: 1, timezone: zone });
    return new ServedTypes(world, api, url, duck, await duck.session(), writer);
  }

  get origin() {
    return parsePosition("", this.api.follower.origin);
  }

  /** Events that are all valid, until they are served. */
  async append(events: readonly string[]): Promise<void> {
    await this.world.append(events.map((value) => ({ partition: 0, value, valid: true })));
    await catchUp(this.world, this.#writer);
    await this.follow(formatPosition(this.#writer.position));
  }

  /** Until what is served covers this position. */
  async follow(position: string): Promise<void> {
    const target = parsePosition(position, this.api.follower.origin);
    for (let tries = 0; !covers(this.#writer.position, target); tries++) {
      if (tries > 1000) throw new Error("the writer does not catch up");
      await this.#writer.step();
    }
    await this.api.follow();
    await this.api.models!.poll();
  }

  async close(): Promise<void> {
    this.plain.close();
    this.#duck.close();
    await this.api.close();
    await this.#writer.close();
    await this.world.close();
  }
}
