/** The way to a server: one request after the other, each with the furthest position seen so far. */
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

/** A failure that the server told of: RFC 9457. */
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

/** None of a request's events could be taken: the answer says why of each. */
export class RefusedEvents extends ApiError {
  readonly appended: Appended;

  constructor(appended: Appended) {
    super(422, "USAGE", "none of the events can be taken");
    this.appended = appended;
  }
}

/** What the server says of a request whose body is not what it was sent as. */
const changedOnItsWay = "DIGEST_MISMATCH";
/** How often a request is sent again, where the server was busy or away. */
const triesMax = 5;

export class Connection {
  readonly #url: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;
  #position = "";

  constructor({ url, key, fetch: own = fetch }: Options) {
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
    // a browser's fetch wants to be called as the window's own
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
   * GET, or POST where there is a body. Sent again where the server is busy or away or a body
   * changed on its way, unless it is not safe to.
   * @throws ApiError; DigestMismatch; what fetch throws
   */
  async send(
    path: string,
    { body, type = "application/json", accept, headers, signal, again = true }: Request = {},
  ): Promise<Response> {
    const all: Record<string, string> = { ...headers };
    if (body !== undefined) Object.assign(all, { "Content-Type": type }, await contentDigest(body));
    // events go on for ever: what they are made of has no end to say it at
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
        // rows contain what was waited for: their position says it all
        if (position !== "") this.#position = without(this.#position, waited);
        this.see(position);
        return response;
      }
      const problem = await problemIn(response);
      if (problem.code === "POSITION_GONE" && waited !== "" && !last) {
        // seen more than a day ago
        this.#position = without(this.#position, waited);
        delete all["Tidemark-Wait-For"];
        waited = "";
        continue;
      }
      if (last || !passes(problem)) throw problem;
      if (problem.code !== changedOnItsWay)
        await pause(Math.min(10, Number(response.headers.get("retry-after") ?? 1)) * 1000, signal);
    }
  }
}

const positionsPath = "/v1/positions";
/** What is appended there waits for nothing. */
const streamsPath = "/v1/streams/";
/** Longer ones are exchanged for their short text: headers have no room for them. */
const positionMax = 1024;

interface Request {
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** false: it must not be sent again. */
  readonly again?: boolean;
}

/** The same answer, its body read and held against its digest. @throws DigestMismatch */
async function checked(response: Response): Promise<Response> {
  const body = await unframed(new Uint8Array(await response.arrayBuffer()));
  const { status, statusText, headers } = response;
  return new Response([204, 304].includes(status) ? null : body, { status, statusText, headers });
}

/** What may go well when it is sent again. */
function passes({ status, code }: ApiError): boolean {
  return status === 429 || status === 503 || code === changedOnItsWay;
}

async function problemIn(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: { code?: string; detail?: string } & Partial<Appended> = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // no answer of ours: a proxy's page
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
