/** SQL over the views. */
import type { FastifyInstance } from "fastify";
import { problem } from "../../../shared/http/problem.ts";
import { askerOf, route, sendProblem } from "../../../shared/http/route.ts";
import { problems } from "../../../shared/http/schemas.ts";
import { formatOf, mediaTypes } from "../../rows/formats.ts";
import { paramsOf, readQuery } from "../../sql/params.ts";
import type { SqlQueries } from "../../sql/queries.ts";
import { stamped } from "./answers.ts";
import { querySchema, rowsHeaders, rowsResponse } from "./schemas.ts";
import type { WaitFor } from "./wait-for.ts";

const bytesMax = 1 << 20;

interface QueryOptions {
  readonly queries: SqlQueries;
  readonly waitFor: WaitFor;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

/**
 * Registers the route in a scope of its own, since its bodies are parsed without losing digits of
 * parameters.
 */
export function queryRoutes(app: FastifyInstance, options: QueryOptions): void {
  app.register(async (scope) => {
    scope.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) =>
      readQuery(body),
    );
    queryRoute(scope, options);
  });
}

function queryRoute(app: FastifyInstance, { queries, waitFor, signal }: QueryOptions): void {
  route(app, {
    method: "POST",
    url: "/v1/query",
    config: { scope: "read" },
    bodyLimit: bytesMax,
    schema: {
      summary: "SQL over the views, at one snapshot",
      body: querySchema,
      headers: rowsHeaders,
      response: { 200: rowsResponse, ...problems(400, 401, 403, 406, 410, 413, 415, 421, 422, 429, 503, 504) },
    },
    handler: async (request, reply) => {
      const format = formatOf(request.headers.accept);
      if (!format) return sendProblem(reply, problem(406, "NOT_ACCEPTABLE", `rows come as ${mediaTypes.join(", ")}`));
      const { sql } = request.body as { sql: string };
      const params = paramsOf(request.body as object);
      await waitFor(request, reply);
      const { meta, body } = await queries.answer(askerOf(request, reply), { sql, params, format }, signal);
      return stamped(reply, meta).type(format.mediaType).send(body);
    },
  });
}
