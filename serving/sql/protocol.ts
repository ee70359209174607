/** The protocol with a child: a request is a line of JSON; a reply is a line of JSON, followed by its `bytes`. */
import type { ViewDefinition } from "../../shared/definition.ts";
import { type ErrorCode, TidemarkError } from "../../shared/errors.ts";
import type { FileRef } from "../../shared/store/store.ts";

/** An integer beyond 2^53 is sent as its digits. */
export type QueryParam = string | number | boolean | null | { readonly integer: string };

/** A file that a child may read, after checking it. */
export interface ChildFile extends FileRef {
  readonly path: string;
}

/** An expected failure, as it is sent. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly todo: string;
}

export interface ChildView {
  readonly definition: ViewDefinition;
  /** Why it can't be answered now. */
  readonly failure: Failure | null;
  readonly files: readonly ChildFile[];
}

export interface Ask {
  readonly sql: string;
  readonly params: readonly QueryParam[];
  readonly timezone: string;
  /** The names of all views, so that errors can list them. */
  readonly names: readonly string[];
  /** The views that the text mentions. */
  readonly views: readonly ChildView[];
  readonly mediaType: string;
  /** The answer's metadata. */
  readonly meta: object;
  readonly limits: AskLimits;
  /** A path for the answer, if its format is a file. */
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
 * The file descriptor that a child writes its replies to; the first one, before any request, says
 * that it is ready. Any library may write to standard output.
 */
export const answerPipe = 3;

export function failureFrom({ code, message, todo }: TidemarkError): Failure {
  return { code, message, todo };
}

export function errorFrom({ code, message, todo }: Failure): TidemarkError {
  return new TidemarkError(code, message, todo);
}
