/**
 * The store: immutable files, reached by name, and the few that are replaced whole. Create-if-absent is all the
 * coordination there is. `folder.ts` and `memory.ts` keep the contract, and `test/store/conformance.ts` holds
 * them to it; no caller depends on paths, links or times of files.
 *
 * A name has `/` between folders, which come and go with what is in them.
 */

/** A file that is part of an answer: its size and hash are checked before it is read. */
export interface FileRef {
  /** Name in the store. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
}

/** A checked file on this machine, for DuckDB to read, as long as its name is kept. */
export interface LocalFile extends FileRef {
  readonly path: string;
}

export interface Store {
  /** Where it is, for messages. */
  readonly root: string;
  /** How often it is polled, ms, by what one poll costs. */
  readonly paceMs: number;

  /** The file's bytes, or null where there is no such file. */
  read(name: string): Promise<Buffer | null>;
  exists(name: string): Promise<boolean>;
  /** Names directly in a folder, sorted; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** A text that is another one once the file was written again; null where there is none. */
  tag(name: string): Promise<string | null>;
  /** The file's size; 0 where it is gone. */
  bytesOf(name: string): Promise<number>;
  /**
   * Milliseconds since the file, or anything in the folder, was last written, by the store's own clock;
   * Infinity where it is gone.
   */
  ageMs(name: string): Promise<number>;

  /** Creates the file whole and durably, or leaves an existing one alone. True when it was created here. */
  createIfAbsent(name: string, content: string): Promise<boolean>;
  /**
   * Replaces the file in one atomic step; the last one wins. Not durable unless asked for: what a crash takes
   * is derived again.
   */
  replace(name: string, content: string, options?: { readonly durable: boolean }): Promise<void>;
  /**
   * Replaces a file whose one writer this is, in one atomic step.
   * @returns false where the folder that it lies in is gone: another has cleaned it, and a file in it would be
   *   taken for a new beginning
   */
  replaceOwn(name: string, content: string): Promise<boolean>;
  /** Gives a finished scratch file its name. Durable: it survives a power cut once this returns. */
  publish(scratch: string, name: string, options: { readonly durable: boolean }): Promise<FileRef>;
  /**
   * A name of the caller's own for a file: no cleaning of the other one takes it, `remove` ends it. @throws
   * STORE_MISSING
   */
  keep(file: FileRef, name: string): Promise<FileRef>;
  /** A file, or a folder with all that is in it. */
  remove(name: string): Promise<void>;
  /** Syncs the folder: what is in it survives a power cut, even if its writer was killed before it synced. */
  settle(folder: string): Promise<void>;

  /** Reads the whole file and compares size and hash. @throws STORE_MISSING, STORE_CORRUPT */
  check(file: FileRef): Promise<void>;
  /**
   * Checked files for DuckDB to read; see `relation.ts`.
   * @param checked names that the caller has had checked before: they are not read again, and those that are
   *   now come to them
   * @throws STORE_MISSING, STORE_CORRUPT
   */
  open(files: readonly FileRef[], checked?: Set<string>): Promise<readonly LocalFile[]>;

  /** Path of a file of this machine that no other process uses, for `publish`; gone when the process is. */
  scratch(suffix: string): string;
  /** Names of what this process makes for a time start with it: see `newRun`. */
  readonly owner: string;
  /** A name for what a run of this process makes and removes again: not cleaned while the process lives. */
  newRun(): string;
  /** True where the process that a run's name is of lives; null where it is of none. */
  isRunning(run: string): Promise<boolean | null>;
  /** Removes what processes that are dead have left of their scratch files. @returns names in the store */
  sweep(): Promise<string[]>;
}
