/** A connection to a server: sends requests with the furthest position seen so far, and retries them. */
import { contentDigest, DigestMismatch, digestHeader, framedValue, unframed } from "./frame.ts";
import { parseExactly } from "./numbers.ts";
import { furthest, without } from "./positions.ts";

export interface Options {
  /** e.g. "http://127.0.0.1:7070" */
  readonly url: string;
  readonly key?: string | undefined;
  readonly fetch?: typeof fetch;
}

export interface Appended {
  readonly accepted: number;
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
  readonly position: string;
}

/** A failure that the server reported: RFC 9457. */
export class ApiError extends Error {
  readonly status: number;
  /** Stable. */
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** None of a request's events is valid: the answer has the reason for each. */
export class RefusedEvents extends ApiError {
  readonly appended: Appended;

  constructor(appended: Appended) {
    super(422, "USAGE", "none of the events is valid");
    this.appended = appended;
  }
}

/** The server's code for a request whose body was changed in transit. */
const changedInTransit = "DIGEST_MISMATCH";
/** How often a request is sent, where the server is busy or can't be reached. */
const triesMax = 5;

export class Connection {
  readonly #url: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;
  #position = "";

  constructor({ url, key, fetch: own = fetch }: Options) {
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
    // a browser's fetch fails when it is called as a method of another object
    this.#fetch = (...args) => own(...args);
  }

  /** The furthest position seen so far; "" before the first answer. */
  get position(): string {
    return this.#position;
  }

  /** From here on, answers cover this position too. */
  see(position: string): void {
    if (position !== "") this.#position = furthest(this.#position, position);
  }

  urlOf(path: string): string {
    return this.#url + path;
  }

  async #shorten(): Promise<void> {
    const before = this.#position;
    const body = JSON.stringify({ position: before });
    const found = await this.json<{ readonly position: string }>(positionsPath, { body }).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === "POSITION_GONE") return { position: "" };
      throw error;
    });
    this.#position = furthest(without(this.#position, before), found.position);
  }

  /** @throws ApiError */
  async json<T>(path: string, request: Request = {}): Promise<T> {
    const response = await this.send(path, request);
    return parseExactly(await response.text()) as T;
  }

  /**
   * GET, or POST if there is a body. It is retried where the server is busy or can't be reached, or a
   * body was changed in transit, unless a retry is not safe.
   * @throws ApiError; DigestMismatch; what fetch throws
   */
  async send(
    path: string,
    { body, type = "application/json", accept, headers, signal, again = true }: Request = {},
  ): Promise<Response> {
    const all: Record<string, string> = { ...headers };
    if (body !== undefined) Object.assign(all, { "Content-Type": type }, await contentDigest(body));
    // a stream of events has no end, where its digest could be sent
    if (accept !== "text/event-stream") all[digestHeader] = framedValue;
    if (accept) all.Accept = accept;
    if (this.#key !== undefined) all.Authorization = `Bearer ${this.#key}`;
    const waits = path !== positionsPath && !path.startsWith(streamsPath);
    if (waits && this.#position.length > positionMax) await this.#shorten();
    let waited = waits ? this.#position : "";
    if (waited !== "") all["Tidemark-Wait-For"] = waited;
    for (let tries = 1; ; tries++) {
      const last = !again || tries >= triesMax;
      let response: Response;
      try {
        response = await this.#fetch(this.#url + path, {
          method: body === undefined ? "GET" : "POST",
          headers: all,
          ...(body === undefined ? {} : { body }),
          ...(signal ? { signal } : {}),
        });
        if (response.headers.get(digestHeader) === framedValue) response = await checked(response);
      } catch (error) {
        if (last || signal?.aborted) throw error;
        if (!(error instanceof DigestMismatch)) await pause(100 * 2 ** tries, signal);
        continue;
      }
      if (response.ok) {
        const position = response.headers.get("tidemark-position") ?? "";
        // the answer's position covers what was waited for, and replaces it
        if (position !== "") this.#position = without(this.#position, waited);
        this.see(position);
        return response;
      }
      const problem = await problemIn(response);
      if (problem.code === "POSITION_GONE" && waited !== "" && !last) {
        // a short text is only readable for a day
        this.#position = without(this.#position, waited);
        delete all["Tidemark-Wait-For"];
        waited = "";
        continue;
      }
      if (last || !passes(problem)) throw problem;
      if (problem.code !== changedInTransit)
        await pause(Math.min(10, Number(response.headers.get("retry-after") ?? 1)) * 1000, signal);
    }
  }
}

const positionsPath = "/v1/positions";
/** Neither appends nor events wait for a position. */
const streamsPath = "/v1/streams/";
/** Longer ones are exchanged for their short text, since they don't fit into headers. */
const positionMax = 1024;

interface Request {
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** false: it must not be retried. */
  readonly again?: boolean;
}

/** The same answer, its body read and checked against its digest. @throws DigestMismatch */
async function checked(response: Response): Promise<Response> {
  const body = await unframed(new Uint8Array(await response.arrayBuffer()));
  const { status, statusText, headers } = response;
  return new Response([204, 304].includes(status) ? null : body, { status, statusText, headers });
}

/** True for failures that a retry may resolve. */
function passes({ status, code }: ApiError): boolean {
  return status === 429 || status === 503 || code === changedInTransit;
}

async function problemIn(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: { code?: string; detail?: string } & Partial<Appended> = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // not our server's answer, but a proxy's page
  }
  if (response.status === 422 && body.refused) return new RefusedEvents(body as Appended);
  return new ApiError(response.status, body.code ?? "HTTP", body.detail ?? `${response.status} ${response.statusText}`);
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
