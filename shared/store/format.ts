/** Which releases can read a store. */
import { TidemarkError } from "../errors.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";

const formatVersion = 1;

/** Writes the number of the format into a store that has none. @throws DATA_FORMAT where a newer release wrote it */
export async function checkFormat(store: Store): Promise<void> {
  if (!(await store.read(layout.format)))
    await store.createIfAbsent(layout.format, JSON.stringify({ format: formatVersion }));
  const text = (await store.read(layout.format))?.toString() ?? "";
  const format = Number(/"format":\s*(\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(format)) {
    throw new TidemarkError(
      "DATA_FORMAT",
      `${store.root}/${layout.format} is not readable`,
      "is this a Tidemark data folder? name another with --data",
    );
  }
  if (format > formatVersion) {
    throw new TidemarkError(
      "DATA_FORMAT",
      `the data folder ${store.root} has format ${format}, and this Tidemark knows up to ${formatVersion}`,
      "use a newer Tidemark, or another folder with --data",
    );
  }
}
