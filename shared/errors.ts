/**
 * Every failure a user can meet, as a closed list. A room is the prefix of its codes; the exit code says who
 * has to act: 1 failed or found a difference, 2 wrong usage or configuration. INTERNAL is a fault of Tidemark's
 * own, to be reported.
 */
const exitOf = {
  INTERNAL: 1,
  CONFIG_INVALID: 2,
  CONFIG_MISSING: 2,
  CONFIG_STREAM: 2,
  USAGE: 2,
  VIEW_SYNTAX: 2,
  VIEW_UNSUPPORTED: 2,
  VIEW_UNKNOWN: 2,
  DEFINITION_SHARDS: 2,
  POSITION_GONE: 2,
  DATA_FOLDER: 2,
  DATA_FORMAT: 2,
  SERVE_PORT: 2,
  SCRATCH_FULL: 1,
  LOG_UNREACHABLE: 1,
  LOG_FAILED: 1,
  LOG_STREAM_MISSING: 1,
  LOG_PARTITIONS: 1,
  LOG_COMPACTED: 1,
  LOG_RANGE: 1,
  LOG_APPEND: 1,
  LOG_CORRUPT: 1,
  LOG_FORMAT: 1,
  LOG_CERTIFICATE: 1,
  LOG_LOGIN: 1,
  LOG_FORBIDDEN: 1,
  STORE_MISSING: 1,
  STORE_CORRUPT: 1,
  STORE_GAP: 1,
  STORE_BEYOND_LOG: 1,
  BATCH_UNPROVED: 1,
  BATCH_STALE: 1,
  SPEED_FENCED: 1,
  SPEED_REJECTED: 1,
  SERVE_NOTHING: 1,
  SERVE_VIEW_FAILED: 1,
  SERVE_BUSY: 1,
  INGEST_BUSY: 1,
  CONSUMER_FENCED: 1,
  CONSUMER_VIEW: 2,
  CONSUMER_TARGET: 2,
  CONSUMER_VALUE: 1,
  CONSUMER_UNFILLED: 1,
  CACHE_UNREACHABLE: 1,
  CACHE_FAILED: 1,
  SOURCE_FENCED: 1,
  SOURCE_ROW: 1,
  LOAD_INPUT: 1,
  SOURCE_RECORD: 1,
  SOURCE_SETTING: 2,
  DATABASE_UNREACHABLE: 1,
  DATABASE_LOGIN: 1,
  DATABASE_SETTING: 2,
  DATABASE_FORBIDDEN: 1,
  DATABASE_FAILED: 1,
  SOURCE_SLOT: 1,
  SOURCE_TABLE: 2,
  SOURCE_VALUE: 1,
  QUERY_FAILED: 1,
  QUERY_REFUSED: 1,
  QUERY_LIMIT: 1,
  SERVER_REFUSED: 1,
  SERVER_UNREACHABLE: 1,
} as const;

export type ErrorCode = keyof typeof exitOf;

/**
 * An expected failure: one line that says what, where and what to do.
 *
 * @param code a member of the closed list; decides the exit code
 * @param message what went wrong and where, without a final stop's worth of advice
 * @param todo what the user can do about it
 * @param facts machine-readable details (offsets, names), for logs and problem+json
 */
export class TidemarkError extends Error {
  readonly code: ErrorCode;
  readonly todo: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, todo = "", facts: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TidemarkError";
    this.code = code;
    this.todo = todo;
    this.facts = facts;
  }

  get exitCode(): 1 | 2 {
    return exitOf[this.code];
  }

  /** The one line a terminal shows. */
  get line(): string {
    const text = this.todo ? `${this.message}; ${this.todo}` : this.message;
    return `${text} [${this.code}]`.replace(/\s*\n\s*/g, " ");
  }
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, " ").trim();
}

/** True where there was no space left, on whichever disk. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return (
    code === "ENOSPC" || code === "EDQUOT" || /no space left on device|disk quota exceeded/i.test(messageOf(error))
  );
}

/** True when a caught value is a TidemarkError of one of these codes. */
export function isCode(error: unknown, ...codes: ErrorCode[]): error is TidemarkError {
  return error instanceof TidemarkError && codes.includes(error.code);
}
