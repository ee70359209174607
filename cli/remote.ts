/** Verbs that ask a server instead of opening the data folder: `--server URL`, with the key in TIDEMARK_KEY. */
import { ApiError, Connection } from "../serving/client/connection.ts";
import { parseExactly } from "../serving/client/numbers.ts";
import { sendEvents } from "../serving/client/stream.ts";
import type { Answer } from "../serving/client/view.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import type { Context } from "./context.ts";
import { columnsText, tableText } from "./table-text.ts";
import type { QueryFormat, VerbArgs } from "./verb.ts";

export async function queryServer(
  context: Context,
  server: string,
  { sql, format }: VerbArgs["query"],
): Promise<number> {
  return withServer(context, server, async (connection) => {
    const { signal } = context;
    const response = await connection.send("/v1/query", {
      body: JSON.stringify({ sql }),
      accept: accepts[format],
      signal,
    });
    const text = await response.text();
    await context.out(printed(text, format));
    context.say(
      `exact at ${response.headers.get("tidemark-position") || "the origin"} (version ${response.headers.get("tidemark-version")})`,
    );
    return 0;
  });
}

const accepts: Readonly<Record<QueryFormat, string>> = {
  table: "application/json",
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv",
};

function printed(text: string, format: QueryFormat): string {
  if (format !== "table" && format !== "json") return text;
  // the rows as they came: every digit, one a line
  const rows = /^\{"data":(\[.*\]),"meta":\{.*\}\}\n$/s.exec(text)![1]!;
  if (format === "json") return `${rows}\n`;
  const { data } = parseExactly(text) as Answer<Record<string, unknown>>;
  const names = Object.keys(data[0] ?? {});
  const numeric = names.map((name) =>
    data.every((row) => ["number", "bigint"].includes(typeof row[name]) || row[name] === null),
  );
  const cells = data.map((row) => names.map((name) => cellOf(row[name])));
  return columnsText(names, cells, numeric);
}

function cellOf(value: unknown): string {
  if (value === null) return "NULL";
  return typeof value === "object"
    ? JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each))
    : String(value);
}

interface ServerStatus {
  readonly position: string;
  readonly version: number;
  readonly lagMs: number | null;
  readonly complaint: string | null;
  readonly streams: readonly Record<string, unknown>[];
  readonly incidents: readonly { readonly role: string; readonly message: string }[];
}

export async function statusOfServer(context: Context, server: string): Promise<number> {
  return withServer(context, server, async (connection) => {
    const text = await (await connection.send("/v1/status", { signal: context.signal })).text();
    if (context.json) {
      await context.out(`${text.trimEnd()}\n`);
      return 0;
    }
    const { position, version, lagMs, complaint, streams, incidents } = JSON.parse(text) as ServerStatus;
    const lines = [
      tableText(
        streams.map(({ name, partitions, position: at, logEnd, behind }) => ({
          stream: name,
          partitions,
          served: at,
          "log end": logEnd,
          behind,
        })),
      ).trimEnd(),
      "",
      `version ${version}, exact at ${position || "the origin"}, ${lagMs === null ? "lag unknown" : `${lagMs} ms behind the log`}`,
      ...(complaint ? [`COMPLAINT: ${complaint}`] : []),
      ...incidents.map(({ role, message }) => `INCIDENT of ${role}: ${message}`),
    ];
    await context.out(`${lines.join("\n")}\n`);
    return 0;
  });
}

/** Events of one request. */
const eventsAtATime = 1000;
/** Reasons that are told one by one. */
const reasonsMax = 5;

/** Each part goes under the request's id and its number, so that the same load sent again has one effect. Events that are refused are told, and are nowhere. */
export async function loadToServer(
  context: Context,
  server: string,
  { name }: StreamDefinition,
  request: string,
  events: () => AsyncGenerator<Buffer[]>,
): Promise<number> {
  return withServer(context, server, async (connection) => {
    const told = { part: 0, accepted: 0, refused: 0, seen: 0 };
    const send = async (part: readonly Buffer[]) => {
      const lines = part.map((event) => event.toString().replaceAll(/[\r\n]+/g, " "));
      const appended = await sendEvents(
        connection,
        name,
        `${lines.join("\n")}\n`,
        `${request}:${told.part++}`,
        context.signal,
      );
      told.accepted += appended.accepted;
      for (const { index, reason } of appended.refused)
        if (told.refused++ < reasonsMax) context.say(`event ${told.seen + index + 1} is refused: ${reason}`);
      told.seen += part.length;
      connection.see(appended.position);
    };
    let waiting: Buffer[] = [];
    for await (const some of events()) {
      waiting.push(...some);
      for (; waiting.length >= eventsAtATime; waiting = waiting.slice(eventsAtATime))
        await send(waiting.slice(0, eventsAtATime));
    }
    if (waiting.length > 0) await send(waiting);
    const { accepted, refused } = told;
    context.say(`${accepted} events appended to ${name}${refused > 0 ? `, ${refused} refused` : ""}`);
    const position = connection.position;
    const found = context.json ? JSON.stringify({ stream: name, events: accepted, refused, position }) : position;
    await context.out(found === "" ? "" : `${found}\n`);
    return refused > 0 ? 1 : 0;
  });
}

/** @throws SERVER_REFUSED, SERVER_UNREACHABLE */
async function withServer<T>(
  context: Context,
  server: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  try {
    return await work(new Connection({ url: server, key: context.env.TIDEMARK_KEY || undefined }));
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof ApiError) {
      const todo = error.status === 401 ? "set TIDEMARK_KEY to a key of that server" : "";
      throw new TidemarkError(
        "SERVER_REFUSED",
        `${server} answers ${error.status} ${error.code}: ${error.message}`,
        todo,
      );
    }
    if (!(error instanceof TypeError)) throw error;
    const why = messageOf((error as { cause?: unknown }).cause ?? error);
    throw new TidemarkError(
      "SERVER_UNREACHABLE",
      `cannot reach ${server}: ${why}`,
      "is tidemark serve or dev running there?",
      {},
      error,
    );
  }
}
