/** What serving says to a child, a line of JSON each, and what comes back: a line of JSON, then so many bytes. */
import type { ViewDefinition } from "../../shared/definition.ts";
import { type ErrorCode, TidemarkError } from "../../shared/errors.ts";
import type { FileRef } from "../../shared/store/store.ts";

/** An integer beyond what JSON's readers keep travels as its digits. */
export type QueryParam = string | number | boolean | null | { readonly integer: string };

/** A file that a child may read: checked by it first. */
export interface ChildFile extends FileRef {
  readonly path: string;
}

/** An expected failure, as it travels. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly todo: string;
}

export interface ChildView {
  readonly definition: ViewDefinition;
  /** Why it has no answer now. */
  readonly failure: Failure | null;
  readonly files: readonly ChildFile[];
}

export interface Ask {
  readonly sql: string;
  readonly params: readonly QueryParam[];
  readonly timezone: string;
  /** All that there are, so that errors can name them. */
  readonly names: readonly string[];
  /** Those whose names the text holds. */
  readonly views: readonly ChildView[];
  readonly mediaType: string;
  /** What the answer says of itself, beside its rows. */
  readonly meta: object;
  readonly limits: AskLimits;
  /** A file that the answer may be written to first, if it is one. */
  readonly scratch: string;
}

export interface AskLimits {
  /** DuckDB's own limit, e.g. "256MB": most queries that want more fail here, with a message. */
  readonly memory: string;
  readonly rowsMax: number;
  /** Of the encoded rows. */
  readonly bytesMax: number;
}

export type ChildReply = { readonly bytes: number; readonly rows: number } | Failure;

/**
 * Where a child writes its answers; it says once that it is there, before it is asked. Standard
 * output is anybody's.
 */
export const answerPipe = 3;

export function failureFrom({ code, message, todo }: TidemarkError): Failure {
  return { code, message, todo };
}

export function errorFrom({ code, message, todo }: Failure): TidemarkError {
  return new TidemarkError(code, message, todo);
}
