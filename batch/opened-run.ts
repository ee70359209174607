/** What one run works with, from its beginning to its end: whatever comes of it, nothing of it is left behind. */
import { Archive } from "../shared/archive/archive.ts";
import type { Definition } from "../shared/definition.ts";
import { Duck, type Session } from "../shared/duckdb/duck.ts";
import { isCode } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import { furthest, ofStreams } from "../shared/position.ts";
import { layout, type VersionManifest } from "../shared/store/layout.ts";
import { ensureVersion } from "../shared/store/origin.ts";
import { releasePins } from "../shared/store/pin.ts";
import type { Store } from "../shared/store/store.ts";
import { readVersion, versionNumbers } from "../shared/store/versions.ts";
import { type Readable, readable } from "./archive-streams.ts";
import type { Batch } from "./batch.ts";
import { checkFields } from "./changed-fields.ts";
import { mendAll } from "./mending.ts";

export interface Run {
  readonly batch: Batch;
  /** The name of what it pins and writes. */
  readonly id: string;
  readonly definition: Definition;
  /** The version that it goes on from. */
  readonly newest: VersionManifest;
  /** What of the log can be read. */
  readonly from: Readable;
  /** What is archived. */
  readonly archive: Archive;
  readonly session: Session;
  /** The past, by what is archived when it is asked for. */
  readonly history: History;
  /** ms since whatever, to say how long something took. */
  readonly clock: () => number;
}

/**
 * @param threads fewer than the machine has, where it gives way to others
 * @throws CONFIG_STREAM when changed fields can't be read from older events
 */
export async function openRun(batch: Batch, threads?: number): Promise<Run & AsyncDisposable> {
  const { store, log, memoryLimit, say } = batch;
  await mendAll(store, say);
  const definition = await batch.makeDefinition();
  const newest = await ensureVersion(store, log, async () => definition);
  checkFields(definition, newest);
  const names = definition.streams.map(({ name }) => name);
  const from = await readable(store, log, definition.streams, ofStreams(furthest(newest.cut, newest.origin), names));
  const archive = await Archive.read(store, from.origin);
  const id = store.newRun();
  const { timezone } = definition;
  const tempDir = store.scratch("spill");
  const duck = await Duck.open({ memoryLimit, tempDir, timezone, ...(threads ? { threads } : {}) });
  const session = await duck.session();
  const history = new History(store, log, from.origin);
  const close = async () => {
    session.close();
    duck.close();
    await releasePins(store, id);
    if (!(await isNamed(store, id))) await store.remove(layout.versionFolder(id));
  };
  const clock = () => performance.now();
  return { batch, id, definition, newest, from, archive, session, history, clock, [Symbol.asyncDispose]: close };
}

/** True where a version that is kept names files of the run: what was published may be overtaken, and then linked. */
async function isNamed(store: Store, run: string): Promise<boolean> {
  const folder = `${layout.versionFolder(run)}/`;
  // the newest first, which mostly is this run's
  for (const number of (await versionNumbers(store)).reverse()) {
    const manifest = await readVersion(store, number).catch(unlessUnreadable);
    if (Object.values(manifest?.views ?? {}).some(({ file }) => file?.name.startsWith(folder))) return true;
  }
  return false;
}

/** A damaged one names nothing that is known, and one that is missing went by another run's cleaning. */
function unlessUnreadable(error: unknown): null {
  if (isCode(error, "STORE_MISSING", "STORE_CORRUPT")) return null;
  throw error;
}
