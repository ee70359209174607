/** The captured tables as streams, and what their rows should be. */
import type { FieldDefinition } from "../../../shared/definition.ts";
import type { FormatSettings } from "../../../shared/format-settings.ts";
import type { ForeignStream } from "../../../sources/formats/foreign.ts";
import type { Expected } from "./capture/capture.ts";
import type { Mode } from "./capture/modes.ts";

const types: Readonly<Record<string, string>> = {
  id: "BIGINT",
  region: "VARCHAR",
  b: "BOOLEAN",
  i2: "SMALLINT",
  i4: "INTEGER",
  i8: "BIGINT",
  f4: "FLOAT",
  f8: "DOUBLE",
  n: "DECIMAL(12,2)",
  big: "DECIMAL(38,10)",
  free: "DECIMAL(38,6)",
  t: "VARCHAR",
  vc: "VARCHAR",
  ch: "VARCHAR",
  u: "UUID",
  e: "VARCHAR",
  note: "VARCHAR",
  d: "DATE",
  tm: "TIME",
  tm0: "TIME",
  ts: "TIMESTAMP",
  ts3: "TIMESTAMP",
  tz: "TIMESTAMP WITH TIME ZONE",
  iv: "VARCHAR",
  bytes: "BLOB",
  j: "JSON",
  jb: "JSON",
  ints: "INTEGER[]",
  longs: "BIGINT[]",
  texts: "VARCHAR[]",
  dates: "DATE[]",
  doubles: "DOUBLE[]",
  decimals: "DECIMAL(10,2)[]",
  large: "VARCHAR",
};

/** Fields without a placeholder in a mode: updates that lack their large values are refused. */
export function unsentFields({ binary, times }: Mode): readonly string[] {
  return [
    ...(binary.startsWith("base64") ? ["bytes"] : []),
    ...(times === "connect" || times === "isostring" ? ["dates"] : []),
  ];
}

/** What a mode's records can be read as. */
export function streamOf(mode: Mode, table: "by_key" | "by_row", withSchemas: boolean): ForeignStream {
  const unsent = table === "by_key" ? unsentFields(mode) : [];
  const row = Object.entries(types).flatMap(([name, type]): FieldDefinition[] => {
    if (unsent.includes(name)) return [];
    // some are in ms, and others in µs
    const mixed = mode.times === "adaptive" || mode.times === "adaptive_time_microseconds";
    if (!withSchemas && mixed && /^(tm0|ts3)$/.test(name)) return [];
    const isRounded = mode.decimals === "double" && (name === "big" || name === "free");
    return [{ name, type: isRounded ? "DOUBLE" : type, nullable: name !== "id" && name !== "region" }];
  });
  return { topic: `shop.public.${table}`, partitions: 1, row, key: ["id", "region"] };
}

export function settingsOf(mode: Mode, withSchemas: boolean): FormatSettings {
  const binary = mode.binary === "bytes" ? "base64" : (mode.binary as "base64" | "base64-url-safe" | "hex");
  if (withSchemas) return { nulls: mode.nulls, binary };
  const times = { connect: "milliseconds", nanoseconds: "nanoseconds" } as const;
  return {
    nulls: mode.nulls,
    binary,
    times: times[mode.times as keyof typeof times] ?? "microseconds",
    ...(mode.decimals === "double" ? {} : { decimals: mode.decimals }),
  };
}

/** A value as it should be compared: the same for texts that mean the same. */
export function comparable(type: string, text: string, mode: Mode): unknown {
  if (text === "null") return null;
  if (/^(FLOAT|DOUBLE)/.test(type)) return JSON.parse(text);
  if (type === "JSON") return text.replace(/\s/g, "");
  if (type === "BIGINT[]") return text.replace(/\s/g, "");
  if (type.endsWith("[]")) return JSON.parse(text);
  if (/^(DECIMAL|.*INT|BOOLEAN)/.test(type)) return text;
  const plain = JSON.parse(text) as string;
  // an interval's parts that are 0
  if (/^P[-\dTYMDHS.]+$/.test(plain)) return plain.replace(/(?<![\d.])0[YMDHS]/g, "").replace(/T$/, "");
  return asMode(type, plain, mode);
}

/** Connect's own types have milliseconds. */
function asMode(type: string, text: string, { times }: Mode): string {
  const short = times === "connect" && /^(TIME|TIMESTAMP)$/.test(type);
  return short
    ? text
        .replace(/(\.\d{1,3})\d*$/, "$1")
        .replace(/(\.\d*?)0+$/, "$1")
        .replace(/\.$/, "")
    : text;
}

/** PostgreSQL's text of a value → the JSON text that a field has for it. */
export function jsonOf(type: string, text: string | null): string {
  if (text === null) return "null";
  if (type.endsWith("[]") || type === "JSON" || /^.*INT/.test(type)) return text;
  if (/^DECIMAL/.test(type)) return scaled(text, Number(/,(\d+)\)/.exec(type)![1]));
  if (/^(FLOAT|DOUBLE)$/.test(type)) return /^[-\d.e+]+$/.test(text) ? text : JSON.stringify(text);
  if (type === "BOOLEAN") return text === "t" ? "true" : "false";
  if (type === "BLOB") return JSON.stringify(Buffer.from(text.slice(2), "hex").toString("base64"));
  return JSON.stringify(text.replace(/^(\S+)(.*) BC$/, "$1 (BC)$2"));
}

function scaled(text: string, scale: number): string {
  const [whole = "", fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(scale, "0").slice(0, scale)}`;
}

export function expectedRows({ row, key }: ForeignStream, rows: Expected[string], mode: Mode): Map<string, unknown[]> {
  return new Map(
    rows.map((each) => {
      const texts = row.map(({ name, type }) => jsonOf(type, each[name]!));
      const id = JSON.stringify(key.map((name) => texts[row.findIndex((field) => field.name === name)]));
      return [id, texts.map((text, i) => comparable(row[i]!.type, text, mode))];
    }),
  );
}
