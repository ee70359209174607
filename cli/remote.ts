/** Verbs that ask a server instead of opening the data folder: `--server URL`, with the key in TIDEMARK_KEY. */
import { ApiError, Connection } from "../serving/client/connection.ts";
import { parseExactly } from "../serving/client/numbers.ts";
import type { Answer } from "../serving/client/view.ts";
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
  // rows pass through unchanged, one per line, so that no digit is lost
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

/** @throws SERVER_REFUSED, SERVER_UNREACHABLE */
export async function withServer<T>(
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
