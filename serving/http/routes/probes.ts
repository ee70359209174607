/** Liveness and readiness. */
import type { FastifyInstance } from "fastify";
import { TidemarkError } from "../../../shared/errors.ts";
import { type Problem, problem } from "../../../shared/http/problem.ts";
import { route, sendProblem } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import { formatPosition } from "../../../shared/position.ts";
import type { Incident } from "../../../shared/store/incidents.ts";
import type { ViewHealth } from "../../health.ts";
import type { Follower } from "../../snapshot/follower.ts";
import { hasAnswer, type ViewCondition, viewStates } from "../view-states.ts";

interface ProbeOptions {
  readonly follower: Follower;
  readonly health: ViewHealth | null;
  /** The open incidents of all roles. */
  readonly incidents: () => Promise<readonly Incident[]>;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

const readySchema = {
  type: "object",
  required: ["status", "position", "views"],
  properties: {
    status: { type: "string" },
    position: { type: "string" },
    views: {
      type: "array",
      description: "those in a state other than ok",
      items: {
        type: "object",
        required: ["view", "state", "why", "incidents"],
        properties: {
          view: { type: "string" },
          state: { enum: ["failing", "failed", "damaged", "stopped"] },
          why: { type: "string" },
          incidents: { type: "array", items: { type: "object" } },
        },
      },
    },
  },
} as const;

function reportOf({ view, state: how, why, incidents }: ViewCondition) {
  const reports = incidents.map(({ role, kind, code, subject, since }) => ({ role, kind, code, subject, since }));
  return { view, state: how, why, incidents: reports };
}

function codeOf({ state: how }: ViewCondition): Problem["code"] {
  return how === "damaged" ? "STORE_CORRUPT" : how === "stopped" ? "SERVE_NOTHING" : "SERVE_VIEW_FAILED";
}

const state = { type: "object", required: ["status"], properties: { status: { type: "string" } } } as const;

export function probeRoutes(app: FastifyInstance, options: ProbeOptions): void {
  route(app, {
    method: "GET",
    url: "/healthz",
    schema: { summary: "The process is alive", response: { 200: jsonResponse("it is", state) } },
    handler: async (_request, reply) => reply.send({ status: "ok" }),
  });
  readyRoute(app, options);
}

function readyRoute(app: FastifyInstance, { follower, health, incidents, signal }: ProbeOptions): void {
  route(app, {
    method: "GET",
    url: "/readyz",
    schema: {
      summary: "The server is ready to answer",
      description:
        "503 while the server stops, can't follow the store, or can't answer any view; `views` lists those in a state other than ok, with the reason. " +
        "With `view`, 503 also where that view has failed, is damaged, has groups without a value, or reads a stream that has stopped.",
      querystring: {
        type: "object",
        properties: { view: { type: "string", description: "answer for this view alone" } },
        additionalProperties: false,
      },
      response: { 200: jsonResponse("it is", readySchema), ...problems(400, 404, 503) },
    },
    handler: async (request, reply) => {
      const { view: name } = request.query as { view?: string };
      const refused = (code: Problem["code"], why: string, views: readonly object[] = []) =>
        sendProblem(reply, { ...problem(503, code, why), ...(views.length > 0 ? { views } : {}) });
      if (signal.aborted) return refused("SERVE_NOTHING", "the server is stopping");
      using served = follower.pin();
      const states = viewStates(served, health, await incidents());
      const [own] = states.filter(({ view }) => view === name);
      if (name !== undefined && !own)
        throw new TidemarkError("VIEW_UNKNOWN", `there is no view "${name}"`, "they are listed by /v1/views");
      const unwell = (own ? [own] : states).filter(({ state }) => state !== "ok").map(reportOf);
      if (follower.complaint) return refused("SERVE_NOTHING", follower.complaint, unwell);
      if (own && own.state !== "ok") return refused(codeOf(own), `view "${name}" is ${own.state}: ${own.why}`, unwell);
      if (!own && states.length > 0 && !states.some(hasAnswer))
        return refused("SERVE_NOTHING", "no view has an answer", unwell);
      return reply.send({ status: "ready", position: formatPosition(follower.position), views: unwell });
    },
  });
}
