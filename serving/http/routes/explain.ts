/** Why a number is what it is, and what changed between two positions. */
import type { FastifyInstance } from "fastify";
import type { ViewDefinition } from "../../../shared/definition.ts";
import type { Session } from "../../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../../shared/errors.ts";
import { History } from "../../../shared/history/history.ts";
import { askerOf, route } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import type { Log } from "../../../shared/log/log.ts";
import { formatPosition, rangesBetween, withAdded } from "../../../shared/position.ts";
import type { Store } from "../../../shared/store/store.ts";
import { type ChangedRow, diffBetween } from "../../explain/diff.ts";
import { eventsOfGroup } from "../../explain/events.ts";
import { explainRow, type RowExplanation } from "../../explain/explain.ts";
import { parseGroup, type ViewGroup } from "../../explain/group.ts";
import { HistoryTurns } from "../../explain/history-turns.ts";
import { hasKnownRows } from "../../question/group-keys.ts";
import { viewNamed } from "../../snapshot/answerable.ts";
import type { Follower } from "../../snapshot/follower.ts";
import type { ServedVersion } from "../../snapshot/loaded.ts";
import { type MetaSources, metaOf } from "../../snapshot/meta.ts";
import type { SessionPool } from "../../snapshot/pool.ts";
import { withServed } from "../../snapshot/served-session.ts";
import { needScope } from "../access/guard.ts";
import { pairsOf, stamped } from "./answers.ts";
import { diffSchema, explainedSchema } from "./schemas.ts";
import { viewParam } from "./views.ts";

const eventsMax = 1000;
const rowsMax = 10_000;
const rowsPreset = 100;
/** How many questions about history may wait for their turn. */
const waitingMax = 16;

interface ExplainOptions extends MetaSources {
  readonly store: Store;
  readonly log: Log;
  readonly follower: Follower;
  readonly pool: SessionPool;
}

export function explainRoutes(app: FastifyInstance, options: ExplainOptions): void {
  const inTurn = new HistoryTurns(waitingMax);
  explainRoute(app, options, inTurn);
  diffRoute(app, options, inTurn);
}

function explainRoute(app: FastifyInstance, options: ExplainOptions, inTurn: HistoryTurns): void {
  route(app, {
    method: "GET",
    url: "/v1/views/:view/explain",
    config: { scope: "read" },
    schema: {
      summary: "What a row is derived from: its shares from batch and speed, files, and on demand its events",
      params: viewParam,
      querystring: {
        type: "object",
        properties: {
          events: {
            type: "integer",
            minimum: 1,
            maximum: eventsMax,
            description: "how many of the row's events to list, in the log's order; needs the scope events",
          },
          after: { type: "integer", minimum: 0, description: "events to skip: `next` of the previous page" },
        },
        additionalProperties: { type: "string", description: "the group keys: carrier=eq.AA" },
      },
      response: {
        200: jsonResponse("what the row is derived from", explainedSchema),
        ...problems(400, 401, 403, 404, 421, 429, 503),
      },
    },
    validatorCompiler: () => () => true,
    handler: async (request, reply) => {
      const { view: name } = request.params as { view: string };
      const asker = askerOf(request, reply);
      const explain = () =>
        withServed(options, asker, async (served, session) => {
          const { definition: view } = viewNamed(served, name);
          const pairs = [...pairsOf(request)];
          const page = pageIn(new Map(pairs.filter((pair) => isOfPage(view, pair))));
          if (page) needScope(request, "events");
          const group = parseGroup(
            view,
            pairs.filter((pair) => !isOfPage(view, pair)),
          );
          const made = await explainRow(options.store, session, served, group);
          const events = !page ? "" : made.hidden ? noEvents : await eventsText(options, session, served, group, page);
          const meta = await metaOf(served, options, name);
          const rest = insideOf({ view: name, meta, ...layersOf(served, made) });
          return stamped(reply, meta)
            .type("application/json")
            .send(`{${rowsText(made)},${rest}${events}}`);
        });
      // waits for its turn before it takes a session, so that a waiting request holds nothing that others need
      const asksForEvents = [...pairsOf(request)].some(([key]) => key === "events");
      return asksForEvents ? inTurn.run(asker, explain) : explain();
    },
  });
}

function diffRoute(app: FastifyInstance, options: ExplainOptions, inTurn: HistoryTurns): void {
  route(app, {
    method: "GET",
    url: "/v1/diff",
    config: { scope: "read" },
    schema: {
      summary: "What changed between two positions, and because of which offsets",
      querystring: {
        type: "object",
        required: ["from", "to"],
        properties: {
          from: { type: "string", description: "a position" },
          to: { type: "string", description: "a position that covers it" },
          view: { type: "string", description: "this view only" },
          limit: {
            type: "string",
            pattern: "^\\d{1,5}$",
            description: `rows per view; default ${rowsPreset}, at most ${rowsMax}`,
          },
        },
        additionalProperties: false,
      },
      response: { 200: jsonResponse("what changed", diffSchema), ...problems(400, 401, 403, 404, 410, 421, 429, 503) },
    },
    handler: async (request, reply) => {
      const asked = request.query as DiffQuery;
      const asker = askerOf(request, reply);
      return inTurn.run(asker, () =>
        withServed(options, asker, async (served, session) => {
          const text = await diffText(options, served, session, asked);
          return reply.type("application/json").send(text);
        }),
      );
    },
  });
}

interface DiffQuery {
  readonly from: string;
  readonly to: string;
  readonly view?: string;
  readonly limit?: string;
}

async function diffText(
  { store, log, positions }: ExplainOptions,
  served: ServedVersion,
  session: Session,
  asked: DiffQuery,
): Promise<string> {
  const { manifest } = served;
  const origin = withAdded(manifest.origin, served.position);
  const [from, to] = [await positions.read(asked.from, origin), await positions.read(asked.to, origin)];
  const all = [...served.views.values()];
  const views =
    asked.view === undefined
      ? all.filter(({ definition, failed }) => !failed && hasKnownRows(definition))
      : [viewNamed(served, asked.view)];
  const skipped =
    asked.view === undefined
      ? all.filter((each) => !views.includes(each)).map(({ definition }) => definition.name)
      : [];
  const limit = asked.limit === undefined ? rowsPreset : wholeIn("limit", asked.limit, 1, rowsMax);
  const found = await diffBetween(
    { store, log, session, manifest, from, to, limit },
    views.map(({ definition }) => definition),
  );
  const rest = { from: formatPosition(from), to: formatPosition(to), ranges: rangesBetween(from, to), skipped };
  const list = found.map(({ view, groups, rows }) => {
    return `{"view":${JSON.stringify(view)},"groups":${groups},"rows":[${rows.map(changedText).join(",")}]}`;
  });
  return `{${insideOf(rest)},"views":[${list.join(",")}]}`;
}

const noEvents = `,"events":{"data":[],"next":null}`;

/**
 * True for parameters of a page of events. Where the view has a column of that name, a plain number
 * is the parameter, and a condition (eq.…) names the group.
 */
function isOfPage(view: ViewDefinition, [key, value]: readonly [string, string]): boolean {
  if (key !== "events" && key !== "after") return false;
  return /^\d+$/.test(value) || !view.columns.some((column) => column.name === key);
}

interface Page {
  readonly limit: number;
  readonly after: number;
}

function pageIn(params: ReadonlyMap<string, string>): Page | null {
  const events = params.get("events");
  if (events === undefined) return null;
  return {
    limit: wholeIn("events", events, 1, eventsMax),
    after: wholeIn("after", params.get("after") ?? "0", 0, 1e12),
  };
}

/** `,"events":{…}` */
async function eventsText(
  { store, log }: ExplainOptions,
  session: Session,
  served: ServedVersion,
  group: ViewGroup,
  page: Page,
): Promise<string> {
  const { origin, definition } = served.manifest;
  const history = new History(store, log, origin);
  const ranges = rangesBetween(origin, served.position);
  const events = await eventsOfGroup(session, history, definition, group, { ranges, ...page });
  const list = events.map(({ event, ...place }) => `{${insideOf(place)},"event":${event}}`);
  return `,"events":{"data":[${list.join(",")}],"next":${events.length === page.limit ? page.after + page.limit : null}}`;
}

function layersOf({ manifest, position }: ServedVersion, { batch, speed }: RowExplanation): object {
  const { number: version, createdAt, proof, cut } = manifest;
  return {
    batch: { ...batch, version, createdAt, proof },
    speed: { from: formatPosition(cut), upto: formatPosition(position), entries: speed },
  };
}

// rows are already serialized, with every digit
function rowsText({ shares: { row, batch, speed, failed } }: RowExplanation): string {
  const failures = Object.keys(failed).length > 0 ? `,"failed":${JSON.stringify(failed)}` : "";
  return `"row":${row},"shares":{"batch":${batch},"speed":${speed}}${failures}`;
}

function changedText({ key, before, after, events, offsets, failed }: ChangedRow): string {
  const rest = { events, offsets, ...(failed.length > 0 ? { failed } : {}) };
  return `{"key":${key},"before":${before},"after":${after},${insideOf(rest)}}`;
}

/** A JSON object's text without its braces. */
function insideOf(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}

/** @throws USAGE */
function wholeIn(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new TidemarkError(
    "USAGE",
    `${name}=${text.slice(0, 40)} is not a whole number from ${least} to ${most}`,
    `write ${name}=100`,
  );
}
