/** The views and their rows. */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { failingLine } from "../../../shared/health/failing-groups.ts";
import { problem } from "../../../shared/http/problem.ts";
import { askerOf, route, sendProblem, whenGone } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import { type AnswerSources, answer } from "../../answer.ts";
import { questionSchema } from "../../question/parse-question.ts";
import { formatOf, mediaTypes } from "../../rows/formats.ts";
import { metaOf } from "../../snapshot/meta.ts";
import { snapshotName } from "../../snapshot/name.ts";
import { destroySocket } from "../connection-closers.ts";
import { entityTag, isKnown } from "../entity-tag.ts";
import { pairsOf, stamped, varyBy } from "./answers.ts";
import { rowsHeaders, rowsResponse, viewsSchema } from "./schemas.ts";
import type { WaitFor } from "./wait-for.ts";

export function viewRoutes(app: FastifyInstance, sources: AnswerSources, waitFor: WaitFor): void {
  listRoute(app, sources);
  rowsRoute(app, sources, waitFor);
}

function listRoute(app: FastifyInstance, { follower, health, ...sources }: AnswerSources): void {
  route(app, {
    method: "GET",
    url: "/v1/views",
    config: { scope: "read" },
    schema: {
      summary: "The views: columns, types, keys, description",
      response: { 200: jsonResponse("the views", viewsSchema), ...problems(401, 403, 421, 429) },
    },
    handler: async (_request, reply) => {
      using served = follower.pin();
      const meta = await metaOf(served, sources);
      const data = [...served.views.values()].map(({ definition, failed }) => ({
        name: definition.name,
        description: definition.description,
        streams: definition.streams,
        columns: definition.columns.map(({ name, type, key }) => ({ name, type, key: key !== null })),
        failed,
        failing: health && failingLine(health.failing(definition.name)),
      }));
      return stamped(reply, meta).send({ data, meta });
    },
  });
}

function rowsRoute(app: FastifyInstance, sources: AnswerSources, waitFor: WaitFor): void {
  route(app, {
    method: "GET",
    url: "/v1/views/:view",
    config: { scope: "read" },
    schema: {
      summary: "Rows of a view",
      params: viewParam,
      querystring: questionSchema,
      headers: rowsHeaders,
      response: {
        200: rowsResponse,
        304: { description: "the rows are those of If-None-Match", type: "null" },
        ...problems(400, 401, 403, 404, 406, 410, 421, 429, 503, 504),
      },
    },
    // the question's own parser has better messages, and knows the view's columns
    validatorCompiler: () => () => true,
    handler: async (request, reply) => {
      const format = formatOf(request.headers.accept);
      if (!format) return sendProblem(reply, problem(406, "NOT_ACCEPTABLE", `rows come as ${mediaTypes.join(", ")}`));
      await waitFor(request, reply);
      varyBy(reply, "Accept");
      const tagOf = (snapshot: string) => entityTag(snapshot, request.url, format.mediaType);
      const known = request.headers["if-none-match"];
      if (known !== undefined) {
        const current = tagOf(snapshotName(sources.follower));
        if (isKnown(current, known)) return reply.code(304).header("ETag", current).send();
      }
      const { view } = request.params as { view: string };
      const { meta, snapshot, body, releaseUnread } = await answer(
        sources,
        view,
        pairsOf(request),
        format,
        askerOf(request, reply),
      );
      reply.header("ETag", tagOf(snapshot));
      stamped(reply, meta).type(format.mediaType);
      if (typeof body === "string") return reply.send(body);
      whenGone(reply, releaseUnread);
      const stream = Readable.from(body);
      stream.once("error", () => destroySocket(request.raw.socket));
      return reply.send(stream);
    },
  });
}

export const viewParam = { type: "object", required: ["view"], properties: { view: { type: "string" } } } as const;
