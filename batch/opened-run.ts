/** The resources of one run, all released when it ends, however it ends. */
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
import { type ReadableStreams, readableStreams } from "./archive-streams.ts";
import type { Batch } from "./batch.ts";
import { checkFields, checkNotBack } from "./changed-fields.ts";
import { mendAll } from "./mending.ts";

export interface Run {
  readonly batch: Batch;
  /** The name under which it pins and writes files. */
  readonly id: string;
  readonly definition: Definition;
  /** The version that it continues. */
  readonly newest: VersionManifest;
  /** The streams of the log that can be read. */
  readonly from: ReadableStreams;
  /** The archive when the run began. */
  readonly archive: Archive;
  readonly session: Session;
  /** Another one, which the caller closes. */
  readonly openSession: () => Promise<Session>;
  /** The past, read from the archive as it was when the run began. */
  readonly history: History;
  /** A monotonic clock, ms, to time steps with. */
  readonly clock: () => number;
}

/**
 * @param threads fewer than the machine has when the run should leave room for other work
 * @throws CONFIG_STREAM when changed fields can't be read from older events
 */
export async function openRun(batch: Batch, threads?: number): Promise<Run & AsyncDisposable> {
  const { store, log, memoryLimit, say } = batch;
  await mendAll(store, say);
  const definition = await batch.makeDefinition();
  const newest = await ensureVersion(store, log, async () => definition);
  checkFields(definition, newest);
  const names = definition.streams.map(({ name }) => name);
  const from = await readableStreams(
    store,
    log,
    definition.streams,
    ofStreams(furthest(newest.cut, newest.origin), names),
  );
  const archive = await Archive.read(store, from.origin);
  checkNotBack(definition, newest, archive, from.origin);
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
  const openSession = () => duck.session();
  const opened = { batch, id, definition, newest, from, archive, session, openSession, history, clock };
  return { ...opened, [Symbol.asyncDispose]: close };
}

/** True when a kept version names files of the run: its own, or a later one that links them. */
async function isNamed(store: Store, run: string): Promise<boolean> {
  const folder = `${layout.versionFolder(run)}/`;
  // newest first: usually it is this run's own
  for (const number of (await versionNumbers(store)).reverse()) {
    const manifest = await readVersion(store, number).catch(unlessUnreadable);
    if (Object.values(manifest?.views ?? {}).some(({ file }) => file?.name.startsWith(folder))) return true;
  }
  return false;
}

/** A damaged manifest names nothing; a missing one was removed by another run's cleaning. */
function unlessUnreadable(error: unknown): null {
  if (isCode(error, "STORE_MISSING", "STORE_CORRUPT")) return null;
  throw error;
}
