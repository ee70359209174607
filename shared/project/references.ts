/**
 * The project's reference tables: files in reference/, kept in the store by their content, so that a version
 * carries its own.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { storageOf } from "../compiler/types.ts";
import { delimiterOf } from "../csv-delimiter.ts";
import type { ReferenceTable } from "../definition.ts";
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";
import { isName, isOwnName, nameRule, ownNamesRule, sameName } from "../names.ts";
import { layout } from "../store/layout.ts";
import { isIntact } from "../store/reference-tables.ts";
import { seal } from "../store/sealed.ts";
import type { Store } from "../store/store.ts";
import { createTwice, readTwice, replaceTwice } from "../store/twice.ts";
import { filesIn } from "./files.ts";
import { csvFault, csvTable } from "./reference-csv.ts";
import { invalid } from "./section.ts";

/** A file in reference/, not read yet. */
export interface ReferenceSource {
  readonly name: string;
  /** Relative to the project folder. */
  readonly source: string;
}

type Kept = Pick<ReferenceTable, "columns" | "file">;

const kinds = /\.((csv|tsv)(\.gz)?|parquet)$/i;

/** One table for each CSV, TSV or Parquet file of reference/, sorted by name. */
export async function readReferences(dir: string, streams: readonly { name: string }[]): Promise<ReferenceSource[]> {
  const found: ReferenceSource[] = [];
  for (const entry of await filesIn(join(dir, "reference"))) {
    if (!kinds.test(entry)) continue;
    const source = `reference/${entry}`;
    const name = entry.replace(kinds, "");
    if (!isName(name)) invalid(source, `${JSON.stringify(name)} is not a name for a table`, nameRule);
    const same = (each: { name: string }) => sameName(each.name, name);
    const twin = found.find(same);
    if (twin) invalid(source, `has the same name as ${twin.source}`, "choose another name");
    if (streams.some(same)) invalid(source, `has the same name as the stream ${name}`, "choose another name");
    found.push({ name, source });
  }
  return found;
}

/**
 * The table as it is in the store; put there, as Parquet, where its content is new.
 * @throws CONFIG_INVALID naming the file when it can't be read as a table
 */
export async function keepReference(
  session: Session,
  store: Store | null,
  dir: string,
  { name, source }: ReferenceSource,
): Promise<ReferenceTable> {
  const path = join(dir, source);
  const content = await contentOf(path);
  const known = layout.reference(content);
  const kept = async () => store && readTwice<Kept>(store, known);
  const before = await kept();
  const isWhole = before !== null && store !== null && (await isIntact(store, before.file));
  if (before && isWhole) {
    // another run may have made it and not synced its name yet
    await store?.settle(layout.references);
    return { name, source, ...before };
  }
  const csv = isParquet(source) ? null : await csvTable(path);
  const rows = csv?.rows ?? `read_parquet(${quoteText(path)})`;
  const unreadable = async (error: unknown): Promise<never> => {
    const why = csv ? await csvFault(session, csv, error) : firstLine(error);
    return invalid(source, `can't be read as a table: ${why}`, "write a CSV file with a header, or a Parquet file");
  };
  const columns = await session.describe(`FROM ${rows}`).catch(unreadable);
  const own = columns.find((column) => isOwnName(column.name));
  if (own) invalid(source, `column ${quoteName(own.name)}: ${ownNamesRule}`, "give it another name");
  const lost = columns.find((column) => storageOf(column.type) !== column.type);
  if (lost)
    invalid(
      source,
      `column ${quoteName(lost.name)} of type ${lost.type} can't be kept without loss`,
      "give it another type",
    );
  if (!store) return { name, source, columns, file: { name: "", bytes: 0, sha256: content } };
  const scratch = store.scratch("reference.parquet");
  await session.run(`COPY (FROM ${rows}) TO ${quoteText(scratch)} (FORMAT parquet)`).catch(unreadable);
  // what was read must be what the name says, or another project's same content would get these rows
  if ((await contentOf(path)) !== content) invalid(source, "was changed while it was read", "run it again");
  const file = await store.publish(scratch, layout.referenceFile(content, randomUUID().slice(0, 8)), { durable: true });
  const sealed = seal({ columns, file });
  // it takes the place of one whose rows are damaged or gone
  if (before) await replaceTwice(store, known, sealed);
  else if (!(await createTwice(store, known, sealed))) await store.remove(file.name);
  return { name, source, ...(await kept())! };
}

const isParquet = (path: string) => path.toLowerCase().endsWith(".parquet");

/** Hash of a file's bytes and of how they are read. */
async function contentOf(path: string): Promise<string> {
  const hash = createHash("sha256").update(readingOf(path));
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex").slice(0, 32);
}

function readingOf(path: string): string {
  if (isParquet(path)) return "parquet";
  return delimiterOf(path, "") === "," ? "csv 3" : `csv 3 ${delimiterOf(path, "")}`;
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0]!;
}
