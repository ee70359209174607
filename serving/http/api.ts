/** Assembles the API: what happens to every request. What single routes answer is in routes/. */
import type { Server } from "node:http";
import compress from "@fastify/compress";
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import Fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from "fastify";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { problem, problemOf, Refusal } from "../../shared/http/problem.ts";
import { type Routes, sendProblem } from "../../shared/http/route.ts";
import { problemSchema } from "../../shared/http/schemas.ts";
import { type Access, guard } from "./access/guard.ts";
import type { Tickets } from "./access/tickets.ts";
import { ConnectionClosers } from "./connection-closers.ts";
import { digests, digestsOfPacked } from "./digests.ts";
import type { Metrics } from "./metrics.ts";
import { metaSchema, rowsSchema } from "./routes/schemas.ts";

/** Smaller answers, in bytes, are not compressed. */
const packedFrom = 1024;
const packed =
  /^(application\/(json|x-ndjson|problem\+json|vnd\.apache\.arrow\.stream)|text\/(csv|html|plain|css|javascript))/;

/**
 * Requests that a connection may send ahead of their answers (pipelining); after four times as
 * many, the connection is closed once pending answers are sent.
 */
const aheadMax = 16;

function tooFarAhead({ raw: { socket } }: FastifyRequest, reply: FastifyReply, ahead: number): FastifyReply {
  const last = 4 * aheadMax;
  if (ahead > last || socket.destroyed) {
    socket.pause();
    return reply.hijack();
  }
  if (ahead === last) reply.header("Connection", "close");
  return sendProblem(reply, problem(503, "SERVE_BUSY", `${aheadMax} requests of this connection wait already`));
}

interface ApiOptions {
  readonly access: Access;
  readonly tickets: Tickets;
  readonly limits: HttpLimits;
  readonly metrics: Metrics;
  /** Called for each answer, for the log. The facts contain no secrets and no personal data. */
  readonly answered?: ((facts: AnswerFacts) => void) | undefined;
  /** Reports unexpected errors; the client only learns that there was one. */
  readonly say: (line: string) => void;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

export interface AnswerFacts {
  readonly method: string;
  /** The route's pattern: without names, filters and keys. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  /** A key's id, or an address. */
  readonly client: string;
  /** W3C trace context, as sent by the client. */
  readonly traceparent?: string;
}

export interface HttpLimits {
  /** Per client and second; null: unlimited. */
  readonly requestsPerSecond: number | null;
  /** Origins whose pages may use the API; none: only our own page. */
  readonly cors: readonly string[];
}

/** The API, not listening yet: tests call it without a socket. @param routes each registered in a scope of its own */
export function httpApi(options: ApiOptions, routes: readonly Routes[]): FastifyInstance {
  const app = Fastify(serverOptions);
  // registered, so that they get the list of allowed methods; their bodies are not read
  for (const method of ["TRACE", "QUERY"]) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  handleErrors(app, options.say);
  handleEveryRequest(app, options);
  // schemas validate and describe requests; answers are serialized by us
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  for (const schema of [problemSchema, metaSchema, rowsSchema]) app.addSchema(schema);
  const { cors: origins, requestsPerSecond } = options.limits;
  // before the guard: a page of another origin has to be able to read why it was refused
  if (origins.length > 0) app.register(cors, { origin: [...origins], exposedHeaders: [...exposed], maxAge: 600 });
  app.register(withoutScope(async (same) => guard(same, options.access, options.tickets)));
  app.register(swagger, { openapi });
  if (requestsPerSecond !== null) {
    app.register(rateLimit, {
      max: requestsPerSecond,
      timeWindow: 1000,
      hook: "preHandler",
      keyGenerator: (request) => request.client,
      allowList: (request) => request.routeOptions.config.scope === undefined,
      errorResponseBuilder: () => new Refusal(429, "RATE_LIMIT", `more than ${requestsPerSecond} requests per second`),
    });
  }
  digests(app);
  app.register(compress, { threshold: packedFrom, customTypes: packed, encodings: ["br", "gzip"] });
  for (const some of routes) {
    app.register(async (scope) => {
      digestsOfPacked(scope);
      some(scope);
    });
  }
  return app;
}

const serverOptions: FastifyServerOptions & FastifyHttpOptions<Server> = {
  logger: false,
  bodyLimit: 1 << 20,
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  // a client that sends its headers slowly holds a connection: checked every second
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
  forceCloseConnections: "idle",
  routerOptions: { maxParamLength: 500 },
  // values are neither dropped nor converted silently
  ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allowUnionTypes: true } },
  schemaErrorFormatter: ([error], part) => {
    const extra = error?.params.additionalProperty;
    const what = extra === undefined ? error?.message : `must not have "${String(extra).slice(0, 60)}"`;
    return new TidemarkError(
      "USAGE",
      `${part}${error?.instancePath.replaceAll("/", ".") ?? ""} ${what}`,
      "see /openapi.json",
    );
  },
};

function handleErrors(app: FastifyInstance, say: (line: string) => void): void {
  app.setErrorHandler((error, _request, reply) => {
    const found = problemOf(error);
    if (found.status >= 500 && found.code === "INTERNAL") say(`serve: ${messageOf(error)}`);
    return sendProblem(reply, found);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, problem(404, "NOT_FOUND", `there is no ${request.url.split("?")[0]}`)),
  );
}

/** What happens to each request before its route is called, and after it is answered. */
function handleEveryRequest(app: FastifyInstance, { metrics, answered, signal }: ApiOptions): void {
  app.addHook("onResponse", async (request, reply) => {
    const { url: route = "none" } = request.routeOptions;
    metrics.answered(route, reply.statusCode, reply.elapsedTime);
    const traceparent = traceOf(request);
    answered?.({
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      client: request.client,
      ...(traceparent ? { traceparent } : {}),
    });
  });
  const closers = new ConnectionClosers();
  app.addHook("onRequest", async (request, reply) => {
    const ahead = closers.note(request.raw.socket, reply.raw);
    if (ahead > aheadMax) return tooFarAhead(request, reply, ahead);
    reply.headers(everyAnswer);
    const traceparent = traceOf(request);
    if (traceparent) reply.header("traceparent", traceparent);
    if (signal.aborted) reply.header("Connection", "close");
  });
}

/** A plugin whose hooks apply to the whole app, in the order of registration. */
function withoutScope(plugin: FastifyPluginAsync): FastifyPluginAsync {
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/** W3C trace context (w3.org/TR/trace-context), passed on unchanged. */
function traceOf(request: FastifyRequest): string | null {
  const { traceparent } = request.headers;
  return typeof traceparent === "string" && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
    ? traceparent
    : null;
}

const exposed = [
  "Allow",
  "ETag",
  "Retry-After",
  "Repr-Digest",
  "Tidemark-Digest",
  "WWW-Authenticate",
  "Tidemark-Position",
  "Tidemark-Version",
  "Tidemark-Lag-Ms",
];

const everyAnswer = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

const openapi = {
  openapi: "3.1.0",
  info: {
    title: "Tidemark",
    version: "1",
    description: "Live analytics views over an event log: every answer is exact at the position that it states.",
  },
  components: { securitySchemes: { key: { type: "http" as const, scheme: "bearer" } } },
  security: [{ key: [] }, {}],
};
