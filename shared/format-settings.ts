/**
 * What a record does not say about itself, and the configuration has to: beside `topic` and `format` in a
 * stream's `from`. Each is left out where records have schemas, which say it.
 */
export const formatSettings = {
  /** Decimals of records without a schema: digits in text, unscaled bytes with the field's own scale, numbers. */
  decimals: ["string", "precise", "numeric"],
  /** Unit of times and timestamps that are numbers without a schema. */
  times: ["milliseconds", "microseconds", "nanoseconds"],
  /** How bytes are written as text. */
  binary: ["base64", "base64-url-safe", "hex"],
  /** What a text in a JSON field is: JSON written as text, or a value that is a text. */
  json: ["text", "value"],
  /** Whether a NULL comes as null, or as the column's default. */
  nulls: ["sent", "replaced"],
  /** What a declared field is that a record does not have. */
  missing: ["null", "unchanged"],
} as const;

type Chosen = { readonly [Name in keyof typeof formatSettings]?: (typeof formatSettings)[Name][number] };

export interface FormatSettings extends Chosen {
  /** Debezium's unavailable.value.placeholder, where it is not its default. */
  readonly placeholder?: string;
}

export const placeholderDefault = "__debezium_unavailable_value";
