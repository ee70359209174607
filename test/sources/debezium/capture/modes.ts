/** How Debezium may be configured to write what it reads. */

export interface Mode {
  readonly name: string;
  readonly decimals: "precise" | "string" | "double";
  readonly times: string;
  readonly binary: string;
  readonly nulls: "sent" | "replaced";
}

const decimals = ["precise", "string", "double"] as const;
const times = ["adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"];
const binaries = ["bytes", "base64", "base64-url-safe", "hex"];

/** Every way to write decimals with every way to write times. */
export const modes: readonly Mode[] = decimals.flatMap((each, i) =>
  times.map((time, j) => ({
    name: `${each}-${time}`,
    decimals: each,
    times: time,
    binary: binaries[(i + j) % binaries.length]!,
    nulls: each === "double" && time === "microseconds" ? "replaced" : "sent",
  })),
);

/** Those whose records are kept as data, and of which tables: each way is in one of them. */
export const kept: Readonly<Record<string, RegExp>> = {
  "precise-adaptive": /./,
  "string-adaptive_time_microseconds": /by_key/,
  "string-isostring": /by_row|edges/,
  "double-connect": /by_key/,
  "double-microseconds": /by_key/,
  "precise-nanoseconds": /by_key|edges/,
};
