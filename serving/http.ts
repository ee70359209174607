/** The routes. What they answer is decided elsewhere; here it meets HTTP. */
import { Readable } from "node:stream";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import { covers, formatPosition, parsePosition } from "../shared/position.ts";
import type { Alert } from "../shared/store/alerts.ts";
import { type Answering, answer, type Meta, metaOf, snapshotName } from "./answer.ts";
import { entityTag, isKnown } from "./entity-tag.ts";
import { formatOf, mediaTypes } from "./formats.ts";
import type { Ingest } from "./ingest.ts";
import { Metrics } from "./metrics.ts";
import { page } from "./page.ts";
import { type Problem, problem, problemOf, WaitTimeout } from "./problem.ts";
import { parseQuery, type Queries } from "./sql/queries.ts";
import { statusOf } from "./status.ts";

const ingestBytesMax = 16 << 20;
const queryBytesMax = 1 << 20;

export interface HttpOptions extends Answering {
  /** How long Tidemark-Wait-For may hold a query, ms. */
  readonly waitMsMax: number;
  /** Aborts when the server stops: nothing is waited for any more. */
  readonly signal: AbortSignal;
  readonly ingest: Ingest;
  readonly queries: Queries;
  /** What the roles say is wrong now. */
  readonly alerts: () => Promise<readonly Alert[]>;
  /** What went wrong unexpectedly; the client hears only that something did. */
  readonly say: (line: string) => void;
}

/** The API, not listening yet: tests call it without a socket. */
export function httpApi(options: HttpOptions): FastifyInstance {
  const { follower, freshness, now } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: 1 << 20,
    requestTimeout: 30_000,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 500 },
  });
  const metrics = new Metrics();
  app.addHook("onResponse", async (request, reply) => {
    metrics.answered(request.routeOptions.url ?? "none", reply.statusCode, reply.elapsedTime);
  });
  app.setErrorHandler((error, _request, reply) => {
    const found = problemOf(error);
    if (found.status >= 500 && found.code === "INTERNAL") options.say(`serve: ${messageOf(error)}`);
    return refuse(reply, found);
  });
  app.setNotFoundHandler((request, reply) =>
    request.method !== "GET" && request.method !== "HEAD"
      ? notAllowed(request, reply)
      : refuse(reply, problem(404, "NOT_FOUND", `there is no ${request.url.split("?")[0]}`)),
  );
  app.addHook("onSend", async (_request, reply) => {
    reply.header("X-Content-Type-Options", "nosniff");
    reply.header("Cache-Control", "no-cache");
    if (options.signal.aborted) reply.header("Connection", "close");
  });

  get(app, "/v1/views", async (_request, reply) => {
    const served = follower.pin();
    try {
      const meta = metaOf(served, freshness, now());
      const data = [...served.views.values()].map(({ definition, failed }) => ({
        name: definition.name,
        description: definition.description,
        streams: definition.streams,
        columns: definition.columns.map(({ name, type, key }) => ({ name, type, key: key !== null })),
        failed,
      }));
      return stamped(reply, meta).send({ data, meta });
    } finally {
      served.release();
    }
  });
  get(app, "/v1/views/:view", async (request, reply) => {
    const format = formatOf(request.headers.accept);
    if (!format) return refuse(reply, problem(406, "NOT_ACCEPTABLE", `rows come as ${mediaTypes.join(", ")}`));
    const gone = goneSignal(reply);
    await waitFor(options, request, AbortSignal.any([gone, options.signal]));
    reply.header("Vary", "Accept");
    const tagOf = (snapshot: string) => entityTag(snapshot, request.url, format.mediaType);
    const current = tagOf(snapshotName(follower));
    if (isKnown(current, request.headers["if-none-match"])) return reply.code(304).header("ETag", current).send();
    const { view } = request.params as { view: string };
    const { meta, snapshot, body, abandon } = await answer(options, view, pairsOf(request), format);
    gone.addEventListener("abort", abandon, { once: true });
    if (gone.aborted) abandon();
    reply.header("ETag", tagOf(snapshot));
    return stamped(reply, meta).type(format.mediaType).send(Readable.from(body));
  });
  app.post("/v1/query", { bodyLimit: queryBytesMax }, async (request, reply) => {
    const format = formatOf(request.headers.accept);
    if (!format) return refuse(reply, problem(406, "NOT_ACCEPTABLE", `rows come as ${mediaTypes.join(", ")}`));
    if (!/^application\/json\b/i.test(request.headers["content-type"] ?? ""))
      return refuse(reply, problem(415, "MEDIA_TYPE", 'send application/json: {"sql": "SELECT …"}'));
    const { sql, params } = parseQuery(jsonOf(request.body as Buffer));
    const signal = AbortSignal.any([goneSignal(reply), options.signal]);
    await waitFor(options, request, signal);
    const { meta, body } = await options.queries.answer(request.ip, sql, params, format, signal);
    return stamped(reply, meta).type(format.mediaType).send(body);
  });
  app.addContentTypeParser(
    ["application/json", "application/x-ndjson", "application/ndjson"],
    { parseAs: "buffer", bodyLimit: ingestBytesMax },
    (_request, body, done) => done(null, body),
  );
  app.post("/v1/streams/:stream/events", async (request, reply) => {
    const { stream: name } = request.params as { stream: string };
    const stream = follower.streams.find((each) => each.name === name);
    if (!stream) return refuse(reply, problem(404, "NOT_FOUND", `there is no stream "${name}"`));
    const type = request.headers["content-type"] ?? "";
    if (!Buffer.isBuffer(request.body))
      return refuse(reply, problem(415, "MEDIA_TYPE", "send application/json or application/x-ndjson"));
    const key = request.headers["idempotency-key"];
    if (key !== undefined && !(typeof key === "string" && /^[\x21-\x7e]{1,200}$/.test(key)))
      return refuse(reply, problem(400, "USAGE", "Idempotency-Key: at most 200 characters, none of them a space"));
    const id = key ? `http:${key}` : null;
    const found = await options.ingest.take(stream, request.body, type.includes("ndjson"), id, goneSignal(reply));
    if (found.position !== "") reply.header("Tidemark-Position", found.position);
    return reply.code(found.accepted === 0 && found.refused.length > 0 ? 422 : 200).send(found);
  });
  get(app, "/v1/status", async (_request, reply) => reply.send(statusOf(options, await options.alerts())));
  get(app, "/metrics", async (_request, reply) => {
    reply.header("Content-Type", metrics.contentType);
    return reply.send(await metrics.text(statusOf(options, await options.alerts())));
  });
  get(app, "/healthz", async (_request, reply) => reply.send({ status: "ok" }));
  get(app, "/readyz", async (_request, reply) => {
    const why = follower.complaint;
    if (why) return refuse(reply, problem(503, "SERVE_NOTHING", why));
    return reply.send({ status: "ready", position: formatPosition(follower.position) });
  });
  get(app, "/", async (_request, reply) => {
    reply.header("Content-Security-Policy", page.policy);
    return reply.type("text/html; charset=utf-8").send(page.html);
  });
  return app;
}

/** @throws USAGE */
function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new TidemarkError("USAGE", "the body is not JSON", 'send {"sql": "SELECT …", "params": […]}');
  }
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** GET and HEAD; any other method is told so. */
function get(app: FastifyInstance, url: string, handler: Handler): void {
  app.get(url, handler);
  app.route({
    method: ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    url,
    handler: async (request, reply) => notAllowed(request, reply),
  });
}

function notAllowed(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header("Allow", "GET, HEAD");
  return refuse(reply, problem(405, "METHOD_NOT_ALLOWED", `${request.method} is not available here; use GET`));
}

function refuse(reply: FastifyReply, found: Problem): FastifyReply {
  if (found.status === 429 || found.status === 503) reply.header("Retry-After", 1);
  return reply.code(found.status).type("application/problem+json").send(JSON.stringify(found));
}

function stamped(reply: FastifyReply, meta: Meta): FastifyReply {
  reply.header("Tidemark-Position", meta.position);
  reply.header("Tidemark-Version", meta.version);
  if (meta.lagMs !== null) reply.header("Tidemark-Lag-Ms", meta.lagMs);
  return reply;
}

/** Every parameter, in order and as often as it stands there. */
function pairsOf(request: FastifyRequest): Iterable<readonly [string, string]> {
  const at = request.url.indexOf("?");
  return at < 0 ? [] : new URLSearchParams(request.url.slice(at + 1));
}

/** Aborts when the response is over, or its client has left. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  else reply.raw.once("close", () => gone.abort());
  return gone.signal;
}

/** Holds the request until what is served covers the position that it names. */
async function waitFor(
  { follower, waitMsMax }: HttpOptions,
  request: FastifyRequest,
  signal: AbortSignal,
): Promise<void> {
  const text = request.headers["tidemark-wait-for"];
  if (typeof text !== "string" || text.trim() === "") return;
  const position = parsePosition(text.trim(), follower.origin);
  if (covers(follower.position, position)) return;
  if (await follower.covers(position, waitMsMax, signal)) return;
  throw new WaitTimeout(
    `what is served, ${formatPosition(follower.position)}, does not cover ${text.trim().slice(0, 500)} after ${waitMsMax} ms`,
  );
}
