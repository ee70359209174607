/**
 * The process that builds read models of a version's views. It checks and reads their files, so that
 * serving's own process keeps its time and memory. It can be killed at any moment: a model is not
 * opened before it is reported as complete.
 */
import { rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { checkAt } from "../../shared/store/digest.ts";
import { partialsInFiles } from "../../shared/store/partials.ts";
import type { FileRef } from "../../shared/store/store.ts";
import { lowerPriority } from "../background-process.ts";
import { keyColumns, keyWriter } from "../question/group-keys.ts";
import { jsonRow } from "../rows/json.ts";
import { rowsFrom } from "../rows/rows.ts";
import { ModelFile } from "./model-file.ts";

export interface BuildOrder {
  readonly timezone: string;
  readonly memoryLimit: string;
  readonly tempDir: string;
  /** The file that the rows are written to. */
  readonly path: string;
  /** A view's number in the file is its index here. */
  readonly views: readonly {
    readonly definition: ViewDefinition;
    readonly files: readonly (FileRef & { readonly path: string })[];
  }[];
}

/** A view's model is complete (failure: null), or failed. */
export interface BuildReport {
  readonly view: string;
  readonly failure: string | null;
}

lowerPriority();
const order = await new Promise<BuildOrder>((resolve) =>
  process.once("message", (message) => resolve(message as BuildOrder)),
);
// serving has ended or has dropped the version
process.once("disconnect", () => process.exit());
const duck = await Duck.open({
  memoryLimit: order.memoryLimit,
  tempDir: order.tempDir,
  threads: 1,
  timezone: order.timezone,
});
const model = new ModelFile(order.path, { readOnly: false });
for (const [number, view] of order.views.entries()) {
  const failure = await build(number, view).then(
    () => null,
    (error: unknown) => messageOf(error),
  );
  process.send!({ view: view.definition.name, failure } satisfies BuildReport);
}
await model.close();
duck.close();
process.disconnect();

async function build(number: number, { definition, files }: BuildOrder["views"][number]): Promise<void> {
  for (const file of files) await checkAt(file.path, file);
  const partials = partialsInFiles(definition, files);
  using session = await duck.session();
  const { columns, chunks } = await rowsFrom(session, rowsOf(definition, partials), []);
  const keyOf = keyWriter(definition, keyColumns(definition), columns);
  for await (const chunk of chunks)
    model.put(
      number,
      chunk.getRows().map((row) => [keyOf(row), jsonRow(columns, row)] as const),
    );
}
