/**
 * The view compiler: one SELECT … GROUP BY in, three texts out. Every decision is made here; running is straight-line.
 *
 *   read    SQL → a tree that is checked, bound by DuckDB as it is written, every name resolved
 *   outer   what is around the aggregates → expressions over merged values
 *   inner   keys and aggregates → the columns of partials, and what merges them
 *   texts   all of it → partial, combine, finalize
 */
import type { ReferenceTable, StreamDefinition, ViewDefinition, ViewSource } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { fold } from "../duckdb/fold.ts";
import { TidemarkError } from "../errors.ts";
import { readCatalog } from "./catalog.ts";
import { outerOf } from "./outer.ts";
import { planView } from "./plan.ts";
import { readView, type Surroundings } from "./read.ts";
import { internal } from "./refusal.ts";
import { typedOf } from "./typed.ts";
import { viewTexts } from "./view-texts.ts";
import { rowFields } from "./weights.ts";

/** Compiles views against streams and reference tables. */
export class Compiler {
  readonly #around: Surroundings;

  private constructor(around: Surroundings) {
    this.#around = around;
  }

  /** @param session gets one empty table for each of them */
  static async open(
    session: Session,
    streams: readonly StreamDefinition[],
    references: readonly ReferenceTable[] = [],
  ): Promise<Compiler> {
    const create = async (name: string, columns: readonly { name: string; type: string }[]) => {
      const list = columns.map((column) => `${quoteName(column.name)} ${column.type}`);
      await session.run(`CREATE TEMP TABLE ${quoteName(name)} (${list.join(", ")})`);
    };
    for (const stream of streams) await create(stream.name, rowFields(stream));
    for (const table of references) await create(table.name, table.columns);
    const byName = <T extends { name: string }>(list: readonly T[]) =>
      new Map(list.map((each) => [fold(each.name), each] as const));
    const relations = { streams: byName(streams), references: byName(references) };
    const timezone = String(await session.value("SELECT current_setting('TimeZone')"));
    return new Compiler({ session, relations, catalog: await readCatalog(session), timezone });
  }

  /**
   * @throws VIEW_SYNTAX where DuckDB itself rejects the SQL; VIEW_UNSUPPORTED where its answer could not be kept exact;
   *   both name file:line:column, the reason and what to write instead; INTERNAL where the compiler itself is at fault
   */
  async compile(source: ViewSource): Promise<ViewDefinition> {
    try {
      return await this.#compile(source);
    } catch (error) {
      throw error instanceof TidemarkError ? error : internal(source, error);
    }
  }

  async #compile(source: ViewSource): Promise<ViewDefinition> {
    const read = await readView(this.#around, source);
    const outer = outerOf(read);
    const typed = await typedOf(this.#around.session, read, outer);
    const { table, typed: plain, changelogs } = read.input;
    const frame = { table, plain, changelogs, groupingSets: read.sets, groupings: outer.groupings };
    const planned = planView(source, frame, typed);
    return viewTexts(this.#around, { read, outer, typed, planned });
  }
}
