import type { Batch } from "../batch/batch.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { openLog } from "../shared/log/open.ts";
import { makeDefinition } from "../shared/project/definition.ts";
import type { Project } from "../shared/project/project.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { Incidents } from "../shared/store/incidents.ts";
import type { Store } from "../shared/store/store.ts";
import type { Context } from "./context.ts";

/** A project with its store and log, both open. */
export interface OpenProject {
  readonly project: Project;
  readonly store: Store;
  readonly log: Log;
}

/** Opens project, store and log, and closes them when the work is over. */
export async function withProject<T>(context: Context, work: (opened: OpenProject) => Promise<T>): Promise<T> {
  const project = await context.project();
  const store = await openStore(project.dataDir);
  const log = await openLog({
    data: project.dataDir,
    ...(project.log.brokers ? { brokers: project.log.brokers, ...project.log.connection() } : {}),
    warn: (line) => context.log.warn(line),
  });
  try {
    return await work({ project, store, log });
  } finally {
    await log.close();
  }
}

/** For verbs that need no log. */
export async function withStore<T>(context: Context, work: (store: Store, project: Project) => Promise<T>): Promise<T> {
  const project = await context.project();
  return work(await openStore(project.dataDir), project);
}

/** From here on, files that this process creates are private, also those of libraries: the data folder holds events. */
const othersMode = 0o007;

async function openStore(folder: string): Promise<Store> {
  process.umask(process.umask() | othersMode);
  try {
    const store = await FolderStore.open(folder);
    await store.sweep();
    return store;
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError(
      "DATA_FOLDER",
      `cannot use the data folder ${folder}: ${messageOf(error)}`,
      "name another with --data, or correct its permissions",
    );
  }
}

/** A batch over an opened project. */
export function batchOf({ project, store, log }: OpenProject, say: (line: string) => void): Batch {
  return {
    store,
    log,
    makeDefinition: () => makeDefinition(project, store),
    memoryLimit: project.batch.memoryLimit,
    keepVersions: project.batch.keepVersions,
    retentionMs: project.log.retentionMs,
    now: Date.now,
    say,
    incidents: new Incidents(store, "batch", Date.now),
  };
}
