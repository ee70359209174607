/**
 * DuckDB for SQL from clients: it can read the files of one snapshot's views, and nothing else. It
 * runs in a child process.
 */
import { stat } from "node:fs/promises";
import { parseSql, renderStatement } from "../../shared/compiler/ast.ts";
import { readCatalog } from "../../shared/compiler/catalog.ts";
import type { Catalog } from "../../shared/compiler/supported.ts";
import { rowsOf } from "../../shared/compiler/texts.ts";
import { Duck, type Param, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { fold } from "../../shared/duckdb/fold.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { failingError, failingGroups, isOfValues } from "../../shared/health/failing-groups.ts";
import { checkAt } from "../../shared/store/digest.ts";
import { partialsInFiles } from "../../shared/store/partials.ts";
import { formatOf } from "../rows/formats.ts";
import { type Rows, rowsFrom } from "../rows/rows.ts";
import { type ViewPartials, withMeasures } from "./measure.ts";
import { resolveNames } from "./names.ts";
import { type Ask, type ChildFile, type ChildView, errorFrom, type QueryParam } from "./protocol.ts";
import { rowsFile } from "./rows-file.ts";
import { checkSyntax } from "./syntax.ts";

/** An instance whose set of readable files is locked. */
interface LockedInstance {
  readonly key: string;
  readonly duck: Duck;
  readonly session: Session;
}

export class Sandbox {
  readonly #parser: Session;
  readonly #catalog: Catalog;
  #locked: LockedInstance | null = null;
  /** Checked files by inode and hash, since every snapshot pins them under another name. */
  readonly #checked = new Set<string>();

  private constructor(parser: Session, catalog: Catalog) {
    this.#parser = parser;
    this.#catalog = catalog;
  }

  static async open(): Promise<Sandbox> {
    const duck = await Duck.open({ memoryLimit: "64MB", threads: 1 });
    const session = await duck.session();
    const catalog = await readCatalog(session);
    await lock(session, []);
    return new Sandbox(session, catalog);
  }

  /**
   * The encoded rows.
   * @throws QUERY_FAILED, QUERY_REFUSED, QUERY_LIMIT, STORE_CORRUPT, STORE_MISSING
   */
  async answer(ask: Ask): Promise<{ readonly body: Buffer; readonly rows: number }> {
    const { statements, error } = await parseSql(this.#parser, ask.sql);
    if (error) throw new TidemarkError("QUERY_FAILED", error.message, "correct the SQL");
    const { statement, used, renamed } = resolveNames(checkSyntax(statements), ask.names);
    const views = ask.views.filter(({ definition }) => used.has(definition.name));
    for (const { failure } of views) if (failure) throw errorFrom(failure);
    const measured = new Map(
      views.map((view) => [fold(view.definition.name), { definition: view.definition, partials: partialsOf(view) }]),
    );
    const rewritten = await withMeasures(this.#parser, statement, measured, this.#catalog);
    const text = rewritten ?? (renamed ? await renderStatement(this.#parser, statement) : ask.sql);
    const { session } = await this.#instance(ask, views, measured);
    try {
      return await this.#run(session, text, ask);
    } catch (error) {
      if (!(error instanceof Raised)) throw error;
      throw (await failureIn(session, [...measured.values()], rewritten !== null)) ?? error.failed;
    }
  }

  async #run(session: Session, text: string, ask: Ask): Promise<{ readonly body: Buffer; readonly rows: number }> {
    const { rowsMax, bytesMax, memory } = ask.limits;
    let [rows, bytes] = [0, 0];
    const pieces: Buffer[] = [];
    const count = async function* (chunks: Rows["chunks"]): Rows["chunks"] {
      for await (const chunk of chunks) {
        rows += chunk.rowCount;
        if (rows > rowsMax) throw tooMuch(`${rowsMax} rows`);
        yield chunk;
      }
    };
    try {
      const { columns, chunks } = await rowsFrom(session, text, ask.params.map(bindable));
      const format = formatOf(ask.mediaType)!;
      const found = { columns, chunks: count(chunks) };
      const encoded =
        format.copy === undefined ? format.encode(found, ask.meta) : rowsFile(found, format, ask.scratch, memory);
      for await (const piece of encoded) {
        const buffer = typeof piece === "string" ? Buffer.from(piece) : piece;
        bytes += buffer.length;
        if (bytes > bytesMax) throw tooMuch(`${bytesMax} bytes`);
        pieces.push(Buffer.from(buffer));
      }
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      if (/^Out of Memory Error/.test(messageOf(error)))
        throw new TidemarkError("QUERY_LIMIT", `the query needs more memory than ${memory}`, "ask for less");
      const failed = new TidemarkError("QUERY_FAILED", whatFailed(error, ask, text === ask.sql), "correct the SQL");
      throw isOfValues(error) ? new Raised(failed) : failed;
    }
    return { body: Buffer.concat(pieces), rows };
  }

  /** An instance for these files: the last one, if it has the same files. */
  async #instance(
    { timezone, limits }: Ask,
    views: readonly ChildView[],
    measured: ReadonlyMap<string, ViewPartials>,
  ): Promise<LockedInstance> {
    const files = views.flatMap((view) => view.files);
    const key = JSON.stringify([
      timezone,
      limits.memory,
      views.map(({ definition, files: own }) => [definition.identity, definition.finalize, own]),
    ]);
    if (this.#locked?.key === key) return this.#locked;
    this.#locked?.session.close();
    this.#locked?.duck.close();
    this.#locked = null;
    for (const file of files) await this.#check(file);
    const duck = await Duck.open({ memoryLimit: limits.memory, threads: 1, timezone });
    const session = await duck.session();
    for (const { definition } of views) {
      const { partials } = measured.get(fold(definition.name))!;
      await session.run(`CREATE VIEW ${quoteName(definition.name)} AS ${rowsOf(definition, partials)}`);
    }
    await lock(session, files);
    this.#locked = { key, duck, session };
    return this.#locked;
  }

  async #check(file: ChildFile): Promise<void> {
    const found = await stat(file.path, { bigint: true }).catch(() => null);
    const what = `${found?.ino} ${file.sha256}`;
    if (found && this.#checked.has(what)) return;
    await checkAt(file.path, file);
    this.#checked.add(what);
  }
}

/** DuckDB's message without our internals: rewritten SQL that the client did not write, and paths. */
function whatFailed(error: unknown, { views, scratch }: Ask, asWritten: boolean): string {
  const said = messageOf(error);
  const own = asWritten ? said : said.replace(/\s*^LINE \d+:[\s\S]*/m, "");
  const paths = [...views.flatMap(({ files }) => files.map(({ path }) => path)), scratch];
  return paths.reduce((text, path) => text.replaceAll(path, "a file"), own);
}

/** The SQL has no result for some values: the query's own SQL, or a view's. */
class Raised extends Error {
  readonly failed: TidemarkError;

  constructor(failed: TidemarkError) {
    super(failed.message);
    this.failed = failed;
  }
}

/** The failure of the first view that has no value for some group; null: the query itself raised. */
async function failureIn(
  session: Session,
  views: readonly ViewPartials[],
  measures: boolean,
): Promise<TidemarkError | null> {
  for (const { definition, partials } of views) {
    const failing = await failingGroups(session, definition, partials);
    if (failing.groups.length > 0) return failingError(definition.name, failing);
  }
  if (!measures) return null;
  const names = views.map(({ definition }) => definition.name).join(", ");
  return new TidemarkError(
    "SERVE_VIEW_FAILED",
    `a measure of ${names} has no value for one of the query's groups`,
    "ask for other groups, or correct the view's SQL and run a batch",
  );
}

function tooMuch(what: string): TidemarkError {
  return new TidemarkError("QUERY_LIMIT", `the answer has more than ${what}`, "ask for fewer with LIMIT, or aggregate");
}

/** From here on only these files can be read, nothing can be written, and no setting can be changed. */
async function lock(session: Session, files: readonly ChildFile[]): Promise<void> {
  await session.run("SET temp_directory = ''");
  await session.run(`SET allowed_paths = [${files.map((file) => quoteText(file.path)).join(", ")}]`);
  await session.run("SET enable_external_access = false");
  await session.run("SET lock_configuration = true");
}

function partialsOf({ definition, files }: ChildView): string {
  return partialsInFiles(definition, files);
}

function bindable(value: QueryParam): Param {
  if (typeof value === "object" && value !== null) return BigInt(value.integer);
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value as number) : value;
}
