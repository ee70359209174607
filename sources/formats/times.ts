/**
 * Days, times and instants, in the texts that answers write (docs/types.md). What numbers count is in the schema's
 * name, or in the setting.
 */

import type { FormatSettings } from "../../shared/format-settings.ts";
import { clockText, dayText, instantText } from "../../shared/values/times.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { kindOf, unclear, wrong } from "./refusal.ts";

type TimeKind = "day" | "clock" | "local" | "instant";

/** What a schema's name means; `unit`: of numbers, parts of a second. */
interface Meaning {
  readonly kind: TimeKind;
  readonly unit?: bigint;
}

const [milli, micro, nano] = [1_000n, 1_000_000n, 1_000_000_000n];
const units = { milliseconds: milli, microseconds: micro, nanoseconds: nano } as const;

const meanings: Readonly<Record<string, Meaning>> = {
  "io.debezium.time.Date": { kind: "day" },
  "io.debezium.time.IsoDate": { kind: "day" },
  "org.apache.kafka.connect.data.Date": { kind: "day" },
  "io.debezium.time.Time": { kind: "clock", unit: milli },
  "io.debezium.time.MicroTime": { kind: "clock", unit: micro },
  "io.debezium.time.NanoTime": { kind: "clock", unit: nano },
  "io.debezium.time.IsoTime": { kind: "clock" },
  "org.apache.kafka.connect.data.Time": { kind: "clock", unit: milli },
  "io.debezium.time.Timestamp": { kind: "local", unit: milli },
  "io.debezium.time.MicroTimestamp": { kind: "local", unit: micro },
  "io.debezium.time.NanoTimestamp": { kind: "local", unit: nano },
  "io.debezium.time.IsoTimestamp": { kind: "local" },
  "org.apache.kafka.connect.data.Timestamp": { kind: "local", unit: milli },
  "io.debezium.time.ZonedTimestamp": { kind: "instant" },
};

const called: Readonly<Record<TimeKind, string>> = {
  day: "a date",
  clock: "a time of day",
  local: "a timestamp without time zone",
  instant: "a timestamp with time zone",
};

/** Null for a schema that is of no time. */
export function timeMeaning(schema: ConnectSchema | null): Meaning | null {
  return schema === null ? null : (meanings[schema.name] ?? null);
}

/** The text, not in quotes, of a value for a field of a time's type. @param raw JSON text, not null */
export function readTime(type: string, raw: string, schema: ConnectSchema | null, settings: FormatSettings): string {
  const kind = kindOfType(type);
  const meaning = timeMeaning(schema);
  if (meaning === null && schema !== null && (schema.name !== "" || !/^(int|string)/.test(schema.type))) {
    return wrong(`${schema.name || schema.type} is not ${called[kind]}`, "declare the field with its column's type");
  }
  // a TIMESTAMP may be declared for what has a zone: its value is the time in UTC
  if (meaning !== null && meaning.kind !== kind && !(kind === "local" && meaning.kind === "instant")) {
    return wrong(`${called[meaning.kind]} is not ${called[kind]}`, "declare the field with its column's type");
  }
  if (raw.startsWith('"')) return withZone(ofText(JSON.parse(raw) as string, kind), kind);
  if (!/^-?\d+$/.test(raw)) {
    return wrong(`${kindOf(raw)} is not ${called[kind]}`, "declare the field with its column's type");
  }
  return withZone(ofNumber(BigInt(raw), kind, unitOf(kind, meaning, schema, settings)), kind);
}

/** The text of a number whose schema says that it is a time. */
export function timeText(raw: string, meaning: Meaning): string {
  return ofNumber(BigInt(raw), meaning.kind, meaning.unit ?? 1n);
}

function kindOfType(type: string): TimeKind {
  if (type === "DATE") return "day";
  if (type === "TIME") return "clock";
  return type === "TIMESTAMP WITH TIME ZONE" ? "instant" : "local";
}

function unitOf(kind: TimeKind, meaning: Meaning | null, schema: ConnectSchema | null, settings: FormatSettings) {
  if (kind === "day") return 1n;
  if (meaning?.unit !== undefined) return meaning.unit;
  if (schema !== null) {
    return wrong(`an ${schema.type} is not ${called[kind]}`, "declare the field with its column's type");
  }
  if (settings.times !== undefined) return units[settings.times];
  return unclear(
    `${called[kind]} as a number: of which unit?`,
    'set times: "microseconds" and time.precision.mode=microseconds in the connector, ' +
      "or value.converter.schemas.enable=true",
  );
}

/** Debezium's infinities, by parts of a second: the ends of PostgreSQL's driver, in milliseconds, and of 64 bits. */
const infinite: ReadonlyMap<bigint, readonly [bigint, bigint]> = new Map([
  [milli, [-9223372036832400n, 9223372036825200n]],
  [micro, [-9223372036832400000n, 9223372036825200000n]],
  [nano, [-(2n ** 63n), 2n ** 63n - 1n]],
]);
/** What Debezium 3.6 makes of infinite dates: of a snapshot, and of changes. */
const infiniteDays: Readonly<Record<string, string>> = {
  "-622191234": "infinity",
  "-625821272": "-infinity",
  "-2147472692": "infinity",
  "-2147472691": "-infinity",
  "+292278994-08-16": "infinity",
  "+292269055-12-02": "-infinity",
  "-5877611-06-21": "infinity",
  "-5877611-06-22": "-infinity",
};
const infiniteTimes: Readonly<Record<string, string>> = {
  "+294247-01-10T04:00:25.2": "infinity",
  "-290308-12-21T19:59:27.6": "-infinity",
};
/** From 4713 BC to 5874897, as PostgreSQL's dates are. */
const [dayMin, dayMax] = [-2_440_588n, 2_145_031_948n];

function ofNumber(value: bigint, kind: TimeKind, unit: bigint): string {
  if (kind === "day") {
    const infinity = infiniteDays[String(value)];
    if (infinity !== undefined) return infinity;
    if (value < dayMin || value > dayMax) return wrong("days beyond those of a date", "check the column's type");
    return dayText(Number(value));
  }
  if (kind === "clock") {
    if (value < 0n || value > 86_400n * unit) return wrong("no time of a day", "declare the field as BIGINT");
    return clockText(value, unit);
  }
  const [least, most] = infinite.get(unit)!;
  if (value === least || value === most) return value > 0n ? "infinity" : "-infinity";
  return instantText(value, unit);
}

const isoDay = /^([-+]?\d{4,})-(\d\d)-(\d\d)$/;
const isoClock = /^(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?$/;

function ofText(text: string, kind: TimeKind): string {
  if (/^-?infinity$/.test(text) && kind !== "clock") return text;
  // Debezium's ISO texts have a Z also where there is no zone
  const plain = text.replace(/Z$/, "");
  const infinity = (kind === "day" ? infiniteDays : infiniteTimes)[plain];
  if (infinity !== undefined) return infinity;
  if (kind === "day") return isoDayText(plain) ?? wrong("a text that is no day", "declare the field as VARCHAR");
  if (kind === "clock") return isoClockText(plain) ?? wrong("a text that is no time", "declare the field as VARCHAR");
  const [, day = "", clock = "", offset = ""] = /^(.+?)[T ](.+?)([-+]\d\d(?::?\d\d)?)?$/.exec(plain) ?? [];
  const [dayOf, clockOf] = [isoDayText(day), isoClockText(clock)];
  if (dayOf === null || clockOf === null) return wrong("a text that is no timestamp", "declare the field as VARCHAR");
  return `${dayOf} ${clockOf}${offset.replace(/^([-+]\d\d)(?::?00)?$/, "$1").replace(/^[-+]00$/, "")}`;
}

function isoDayText(text: string): string | null {
  const [match, yearText, month, day] = isoDay.exec(text) ?? [];
  if (match === undefined) return null;
  const year = Number(yearText);
  // ISO's year 0 is 1 BC
  const [shown, era] = year > 0 ? [year, ""] : [1 - year, " (BC)"];
  return `${String(shown).padStart(4, "0")}-${month}-${day}${era}`;
}

function isoClockText(text: string): string | null {
  const [match, minutes, seconds = "00", fraction = ""] = isoClock.exec(text) ?? [];
  if (match === undefined) return null;
  const digits = fraction.replace(/0+$/, "");
  return `${minutes}:${seconds}${digits === "" ? "" : `.${digits}`}`;
}

/** An instant says its offset. */
function withZone(text: string, kind: TimeKind): string {
  return kind !== "instant" || text.endsWith("infinity") || /[-+]\d\d(:\d\d)?$/.test(text) ? text : `${text}+00`;
}
