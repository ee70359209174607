/** The API, put together: what happens to every request. What single routes answer is in routes/. */
import compress from "@fastify/compress";
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { streamRoutes } from "../../ingest/http/streams.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { problem, problemOf, Refusal } from "../../shared/http/problem.ts";
import { guard } from "./access/guard.ts";
import { Tickets } from "./access/tickets.ts";
import { digests, digestsOfPacked } from "./digests.ts";
import { Endings } from "./endings.ts";
import { Metrics } from "./metrics.ts";
import { changeRoutes } from "./routes/changes.ts";
import { explainRoutes } from "./routes/explain.ts";
import { operationRoutes } from "./routes/operations.ts";
import { positionRoutes } from "./routes/positions.ts";
import { queryRoutes } from "./routes/query.ts";
import { type HttpOptions, refuse } from "./routes/route.ts";
import { metaSchema, problemSchema, rowsSchema } from "./routes/schemas.ts";
import { ticketRoutes } from "./routes/tickets.ts";
import { viewRoutes } from "./routes/views.ts";

/** Answers below this, in bytes, are not worth packing. */
const packedFrom = 1024;
const packed =
  /^(application\/(json|x-ndjson|problem\+json|vnd\.apache\.arrow\.stream)|text\/(csv|html|plain|css|javascript))/;

/** Requests that a connection may send ahead of their answers; after four times as many it is answered what is due, and closed. */
const aheadMax = 16;

function tooFarAhead({ raw: { socket } }: FastifyRequest, reply: FastifyReply, ahead: number): FastifyReply {
  const last = 4 * aheadMax;
  if (ahead > last || socket.destroyed) {
    socket.pause();
    return reply.hijack();
  }
  if (ahead === last) reply.header("Connection", "close");
  return refuse(reply, problem(503, "SERVE_BUSY", `${aheadMax} requests of this connection wait already`));
}

/** The API, not listening yet: tests call it without a socket. */
export function httpApi(options: HttpOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 1 << 20,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    // who takes its time over headers holds a connection, and is looked for every second
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 500 },
    // nothing is dropped or turned into something else in silence
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allowUnionTypes: true } },
    schemaErrorFormatter: ([error], part) => {
      const extra = error?.params.additionalProperty;
      const what = extra === undefined ? error?.message : `has no place for "${String(extra).slice(0, 60)}"`;
      return new TidemarkError(
        "USAGE",
        `${part}${error?.instancePath.replaceAll("/", ".") ?? ""} ${what}`,
        "see /openapi.json",
      );
    },
  });
  // known, so that they are told what there is instead; what they bring along is not read
  for (const method of ["TRACE", "QUERY"]) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  const metrics = new Metrics();
  app.addHook("onResponse", async (request, reply) => {
    const { url: route = "none" } = request.routeOptions;
    metrics.answered(route, reply.statusCode, reply.elapsedTime);
    const traceparent = traceOf(request);
    options.answered?.({
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      client: request.client,
      ...(traceparent ? { traceparent } : {}),
    });
  });
  app.setErrorHandler((error, _request, reply) => {
    const found = problemOf(error);
    if (found.status >= 500 && found.code === "INTERNAL") options.say(`serve: ${messageOf(error)}`);
    return refuse(reply, found);
  });
  app.setNotFoundHandler((request, reply) =>
    refuse(reply, problem(404, "NOT_FOUND", `there is no ${request.url.split("?")[0]}`)),
  );
  const endings = new Endings();
  app.addHook("onRequest", async (request, reply) => {
    const ahead = endings.note(request.raw.socket, reply.raw);
    if (ahead > aheadMax) return tooFarAhead(request, reply, ahead);
    reply.headers(everyAnswer);
    const traceparent = traceOf(request);
    if (traceparent) reply.header("traceparent", traceparent);
    if (options.signal.aborted) reply.header("Connection", "close");
  });
  // schemas check and describe; answers are written as they are
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  for (const schema of [problemSchema, metaSchema, rowsSchema]) app.addSchema(schema);
  const { cors: origins, requestsPerSecond } = options.limits;
  // before the guard: a page has to be able to read why it was refused
  if (origins.length > 0) app.register(cors, { origin: [...origins], exposedHeaders: [...exposed], maxAge: 600 });
  const tickets = new Tickets(options.access.now);
  app.register(onTheSame(async (same) => guard(same, options.access, tickets)));
  app.register(swagger, { openapi });
  if (requestsPerSecond !== null) {
    app.register(rateLimit, {
      max: requestsPerSecond,
      timeWindow: 1000,
      hook: "preHandler",
      keyGenerator: (request) => request.client,
      allowList: (request) => request.routeOptions.config.scope === undefined,
      errorResponseBuilder: () => new Refusal(429, "RATE_LIMIT", `more than ${requestsPerSecond} requests in a second`),
    });
  }
  digests(app);
  app.register(compress, { threshold: packedFrom, customTypes: packed, encodings: ["br", "gzip"] });
  app.register(async (scope) => {
    digestsOfPacked(scope);
    viewRoutes(scope, options);
    changeRoutes(scope, options);
    ticketRoutes(scope, tickets);
    explainRoutes(scope, options);
    queryRoutes(scope, options);
    positionRoutes(scope, options);
    operationRoutes(scope, options, metrics);
  });
  app.register(async (scope) => {
    digestsOfPacked(scope);
    streamRoutes(scope, options);
  });
  return app;
}

/** A plugin whose hooks are the whole app's, in the order in which they are registered. */
function onTheSame(plugin: FastifyPluginAsync): FastifyPluginAsync {
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/** W3C trace context (w3.org/TR/trace-context): handed on as it came. */
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
