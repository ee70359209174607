export const formats = ["json", "ndjson", "csv", "parquet"] as const;
export type Format = (typeof formats)[number];
