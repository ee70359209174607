/** The shapes of answers that all routes have. */
const text = { type: "string" } as const;

export const problemSchema = {
  $id: "Problem",
  type: "object",
  description: "RFC 9457; `code` is stable",
  required: ["type", "title", "status", "detail", "code"],
  properties: { type: text, title: text, status: { type: "integer" }, detail: text, code: text },
} as const;

export function jsonResponse(description: string, schema: object): object {
  return { description, content: { "application/json": { schema } } };
}

const problemContent = { content: { "application/problem+json": { schema: { $ref: "Problem#" } } } };

/** The problems that a route may answer with, by status. */
export function problems(...statuses: readonly number[]): Record<number, object> {
  const own = statuses.map((status) => [
    status,
    { description: descriptions[status] ?? "a problem", ...problemContent },
  ]);
  return Object.fromEntries(own) as Record<number, object>;
}

const descriptions: Readonly<Record<number, string>> = {
  400: "the request can't be understood",
  401: "a key is needed",
  403: "not allowed",
  404: "there is no such thing",
  406: "rows do not come in that form",
  410: "the short text of a position is not known, or not any more",
  413: "the body is too large",
  415: "the body's form is not taken",
  421: "without keys, this server answers to other names only",
  422: "it can't be done as it is asked for",
  429: "too much at a time; see Retry-After",
  500: "an unexpected failure",
  503: "there is no answer now; see Retry-After",
  504: "what is served does not reach the position waited for",
};
