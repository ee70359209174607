/** The schemas of requests and answers: bodies are checked against them, and the OpenAPI document contains them. */
import { mediaTypes } from "../../rows/formats.ts";

const text = { type: "string" } as const;
const count = { type: "integer", minimum: 0 } as const;
const nullable = (type: string) => ({ type: [type, "null"] });

export const metaSchema = {
  $id: "Meta",
  type: "object",
  description: "An answer's metadata",
  required: ["position", "version", "verifiedUpTo", "lagMs", "events", "dead", "duplicates", "late"],
  properties: {
    view: text,
    position: {
      ...text,
      description:
        "stream@partition:next,…, streams joined by ;, or its short text (~…) where that is longer than 1,024 characters",
    },
    version: count,
    verifiedUpTo: {
      ...nullable("string"),
      description: "batch has proved the answer up to here; null: the served version is unproved",
    },
    lagMs: { ...nullable("number"), description: "age of the newest poll of the log's end that the answer covers" },
    events: {
      type: "object",
      description: "events below the position, by the layer they come from",
      required: ["batch", "speed"],
      properties: { batch: count, speed: count },
    },
    dead: count,
    duplicates: count,
    late: count,
  },
} as const;

export const rowsSchema = {
  $id: "Rows",
  type: "object",
  required: ["data", "meta"],
  properties: { data: { type: "array", items: { type: "object" } }, meta: { $ref: "Meta#" } },
} as const;

const waitFor = {
  "tidemark-wait-for": {
    ...text,
    description: "a position, or several joined by ;: the answer covers them, or there is a 504",
  },
} as const;

/** Headers of requests for rows. */
export const rowsHeaders = { type: "object", properties: waitFor } as const;

/** Rows in each of their forms. */
export const rowsResponse = {
  description: "rows, exact at the stated position",
  headers: {
    "Tidemark-Position": { type: "string", description: "the events below it are in the answer" },
    "Tidemark-Version": { type: "integer" },
    "Tidemark-Lag-Ms": { type: "number" },
  },
  content: Object.fromEntries(
    mediaTypes.map((type) => [type, { schema: type === "application/json" ? { $ref: "Rows#" } : { type: "string" } }]),
  ),
};

export const querySchema = {
  type: "object",
  required: ["sql"],
  additionalProperties: false,
  properties: {
    sql: {
      ...text,
      minLength: 1,
      description: "one SELECT over the views; MEASURE(column) recomputes a measure in the query's groups",
    },
    params: {
      type: "array",
      maxItems: 1000,
      description: "values for ? or $1, …",
      items: { type: ["string", "number", "boolean", "null"] },
    },
  },
} as const;

export const viewsSchema = {
  type: "object",
  required: ["data", "meta"],
  properties: {
    data: {
      type: "array",
      items: {
        type: "object",
        required: ["name", "description", "streams", "columns", "failed"],
        properties: {
          name: text,
          description: text,
          streams: { type: "array", items: text },
          columns: {
            type: "array",
            items: {
              type: "object",
              required: ["name", "type", "key"],
              properties: { name: text, type: { ...text, description: "a DuckDB type" }, key: { type: "boolean" } },
            },
          },
          failed: { type: ["object", "null"], description: "why its SQL fails on valid events" },
          failing: { type: ["string", "null"], description: "for which groups its SQL has no value" },
        },
      },
    },
    meta: { $ref: "Meta#" },
  },
} as const;

const fileSchema = {
  type: "object",
  required: ["name", "bytes", "sha256"],
  properties: { name: text, bytes: count, sha256: text },
} as const;

const row = { type: ["object", "null"] } as const;

export const explainedSchema = {
  type: "object",
  required: ["row", "shares", "view", "meta", "batch", "speed"],
  properties: {
    row: { ...row, description: "as it is answered" },
    shares: {
      type: "object",
      description: "the row as the version alone would give it, and as the delta alone would",
      required: ["batch", "speed"],
      properties: { batch: row, speed: row },
    },
    failed: {
      type: "object",
      description: "where the view's SQL has no value for the group, in the row or a share: what it says",
      properties: { row: text, batch: text, speed: text },
    },
    view: text,
    meta: { $ref: "Meta#" },
    batch: {
      type: "object",
      required: ["upto", "files", "version", "createdAt", "proof"],
      properties: {
        upto: text,
        files: { type: "array", items: fileSchema },
        version: count,
        createdAt: text,
        proof: { type: "object" },
      },
    },
    speed: {
      type: "object",
      required: ["from", "upto", "entries"],
      properties: {
        from: text,
        upto: text,
        entries: {
          type: "array",
          description: "those that touch the row's group",
          items: {
            type: "object",
            required: ["from", "upto", "events", "file"],
            properties: { from: text, upto: text, events: count, file: fileSchema },
          },
        },
      },
    },
    events: {
      type: "object",
      description: "the row's events, in the log's order",
      required: ["data", "next"],
      properties: {
        data: {
          type: "array",
          items: {
            type: "object",
            required: ["stream", "partition", "offset", "time", "event"],
            properties: { stream: text, partition: count, offset: count, time: text, event: { type: "object" } },
          },
        },
        next: { type: ["integer", "null"], description: "after= of the next page" },
      },
    },
  },
} as const;

export const diffSchema = {
  type: "object",
  required: ["from", "to", "ranges", "skipped", "views"],
  properties: {
    from: text,
    to: text,
    ranges: {
      type: "array",
      description: "the offsets in between",
      items: {
        type: "object",
        required: ["stream", "partition", "from", "upto"],
        properties: { stream: text, partition: count, from: count, upto: count },
      },
    },
    skipped: { type: "array", description: "views that do not show all their keys, or have failed", items: text },
    views: {
      type: "array",
      items: {
        type: "object",
        required: ["view", "groups", "rows"],
        properties: {
          view: text,
          groups: { ...count, description: "groups with events in between" },
          rows: {
            type: "array",
            items: {
              type: "object",
              required: ["key", "before", "after", "events", "offsets"],
              properties: {
                key: { type: "object" },
                before: row,
                after: row,
                events: { type: ["integer", "null"], description: "of the group, in between; null: not known" },
                offsets: { type: ["array", "null"], items: text, description: "the first of them, partition:offset" },
                failed: {
                  type: "array",
                  items: { enum: ["before", "after"] },
                  description: "when the view's SQL had no value for the group",
                },
              },
            },
          },
        },
      },
    },
  },
} as const;

export const positionSchema = {
  type: "object",
  required: ["position"],
  additionalProperties: false,
  properties: {
    position: { ...text, description: "in any form, or several joined by ;, of which it is the furthest" },
  },
} as const;

export const positionsSchema = {
  type: "object",
  required: ["position", "long"],
  properties: { position: text, long: text },
} as const;
