export const formats = ["json", "ndjson", "csv", "parquet", "arrow"] as const;
export type Format = (typeof formats)[number];
