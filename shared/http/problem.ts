/** Failures as RFC 9457 problem details, with our closed list of codes. */
import { type ErrorCode, messageOf, TidemarkError } from "../errors.ts";

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode | OwnCode;
}

/** What only HTTP knows. */
type OwnCode =
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "NOT_ACCEPTABLE"
  | "MEDIA_TYPE"
  | "WAIT_TIMEOUT"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "MISDIRECTED"
  | "RATE_LIMIT"
  | "DIGEST_MISMATCH"
  | "IDEMPOTENCY_REUSED"
  | "STREAM_FED";

const statusOf: { readonly [code in ErrorCode]?: number } = {
  INTERNAL: 500,
  USAGE: 400,
  VIEW_UNKNOWN: 404,
  POSITION_GONE: 410,
  QUERY_FAILED: 400,
  QUERY_REFUSED: 403,
  QUERY_LIMIT: 422,
  SERVE_NOTHING: 503,
  SERVE_VIEW_FAILED: 503,
  SERVE_BUSY: 503,
  INGEST_BUSY: 429,
  LOG_APPEND: 503,
  LOG_FAILED: 503,
  LOG_STREAM_MISSING: 503,
  LOG_UNREACHABLE: 503,
  STORE_CORRUPT: 503,
  STORE_MISSING: 503,
  STORE_GAP: 503,
};

const titles: Readonly<Record<number, string>> = {
  400: "The request can't be understood",
  401: "A key is needed",
  403: "That is not allowed here",
  404: "There is no such thing",
  405: "That can't be done here",
  406: "Rows do not come in that form",
  410: "That is not kept any more",
  413: "The request is too large",
  421: "This is not who was asked for",
  415: "That form is not taken here",
  422: "That can't be done as it is asked for",
  429: "Too much at a time",
  500: "Something went wrong here",
  503: "There is no answer now",
  504: "The answer does not reach that far yet",
};

export function problem(status: number, code: Problem["code"], detail: string): Problem {
  return { type: "about:blank", title: titles[status] ?? "The request failed", status, detail, code };
}

/** Thrown by what only HTTP knows. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(status: number, code: Problem["code"], detail: string) {
    super(detail);
    this.problem = problem(status, code, detail);
  }
}

/**
 * What went wrong here, without what is the server's own: where its files are, and SQL that the
 * client did not write.
 */
function outward(text: string): string {
  return text
    .replace(/\s*\bLINE \d+:[\s\S]*$/, "")
    .replaceAll(/(?<![\w.:/])(?:\/[^\s/'",;:()]+){2,}\/?/g, "(a place on the server)");
}

/** Anything thrown, without a stack: what is not expected says only that it is not. */
export function problemOf(error: unknown): Problem {
  if (error instanceof TidemarkError) {
    const status = statusOf[error.code] ?? 500;
    const detail = error.todo ? `${error.message}; ${error.todo}` : error.message;
    return problem(status, error.code, status >= 500 ? outward(detail) : detail);
  }
  if (error instanceof Refusal) return error.problem;
  if ((error as { code?: unknown } | null)?.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return problem(415, "MEDIA_TYPE", "this content type is not accepted here; see /openapi.json");
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) return problem(status, "USAGE", messageOf(error));
  return problem(500, "INTERNAL", "an unexpected failure; the server's log has more");
}
