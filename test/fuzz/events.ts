/**
 * Random events, by partition: NULLs, NaN, both zeros, the largest integers, late and doubled ones, and records
 * that are no events.
 */
import { randomStream } from "./stream.ts";

/** Records of a log by partition; an offset is the place in the list. */
export type Records = readonly (readonly (string | null)[])[];

export const malformed: readonly (string | null)[] = [
  "{",
  "nonsense",
  "[]",
  '"x"',
  '{"seq":1,"n":"1"}',
  '{"seq":1,"i":1.5}',
  '{"seq":1,"n":3000000000}',
  "",
  null,
  '{"seq":1,"b":1}',
  '{"n":1}',
  '{"seq":null,"n":1}',
  '{"seq":1,"g":"a"} {"seq":2,"g":"b"}',
];

export function randomEvent(random: () => number): string {
  const int = (below: number) => Math.floor(random() * below);
  const pick = <T>(...list: readonly T[]): T => list[int(list.length)]!;
  const digits = (count: number) => Array.from({ length: count }, () => int(10)).join("");
  const time = () => pick("00:00:00", "23:59:59.999999", "12:30:00", "01:00:00.5");
  const day = () => pick("1969-12-31", "1970-01-01", "2001-02-28", "2000-02-29", "2024-12-31");
  const text = () =>
    JSON.stringify(pick("a", "b", "B", "", "é", "日本", "a'b", 'q"\\', "2001-01-01", "x", "%", "a\nb"));
  const positive = (count: number) => digits(count).replace(/^0+/, "1");
  const values: Readonly<Record<string, () => string>> = {
    g: () => JSON.stringify(pick("a", "b", "c")),
    h: text,
    i: () =>
      pick("0", "1", "-1", "7", "9007199254740993", "9223372036854775807", "-9223372036854775808", `${int(100)}`),
    n: () => `${int(10) - 5}`,
    s: () => pick("32767", "-32768", `${int(6)}`),
    i1: () => pick("127", "-128", `${int(5)}`),
    u1: () => pick("255", "0", `${int(5)}`),
    u2: () => pick("65535", `${int(5)}`),
    u4: () => pick("4294967295", `${int(5)}`),
    u: () => pick("18446744073709551615", "0", `${int(50)}`),
    hu: () => pick("0", "-1", "12345678901234567890123456789", "-99999999999999999999999", `${int(9)}`),
    uh: () => pick("0", "340282366920938463463374607431768211455", `${int(9)}`),
    d: () => pick("0.001", "-0.500", "999999999999999.999", `${int(20)}.${digits(3)}`),
    dd: () => pick("0.1", "-999.9", `${int(20)}.${int(10)}`),
    w: () => pick("0.0000000001", `-${positive(12)}.5`, `"${positive(19)}.${digits(10)}"`),
    f: () => pick("0.0", "-0.0", '"NaN"', '"Infinity"', '"-Infinity"', "0.125", "-2.5", "1024", `${int(64) / 8}`),
    r: () => pick("0.5", "-0.0", "3.25", `${int(32) / 4}`),
    x: () => pick("0.1", "-0.3", "1e9", "-1000000000.1", "1e-9", "-0.0", `${(random() - 0.5) * 1000}`),
    xf: () => pick("0.1", "-0.3", "1e9", "1.25", "-16777217", "1e-9", "-0.0", `${(random() - 0.5) * 1000}`),
    b: () => pick("true", "false"),
    ts: () => `"${day()} ${time()}"`,
    ts_s: () => `"${day()} 12:30:00"`,
    ts_ms: () => `"${day()} 01:00:00.5"`,
    ts_ns: () => `"${day()} ${pick("00:00:00.000000001", "23:59:59.999999999")}"`,
    tz: () => `"${day()}T${time()}${pick("Z", "+02:00", "-05:30")}"`,
    day: () => `"${day()}"`,
    tod: () => `"${time()}"`,
    l: () => pick("[]", "[1,2,3]", "[null]", "[3,1]", "[1,2,3]"),
    lt: () => pick("[]", '["a"]', '["b",null]', '["é","a"]'),
    st: () => pick('{"a":1,"b":"x"}', '{"a":null,"b":"y"}', '{"a":2,"b":null}'),
    j: () => pick('{"k":1}', '{"k":"x"}', "[1,2]", '"t"', "3"),
    id: () => pick('"11111111-1111-1111-1111-111111111111"', '"ffffffff-1111-1111-1111-111111111111"'),
    raw: () => pick('""', '"AAEC"', '"/w=="'),
    "a b": () => `${int(4)}`,
    Ünï: () => JSON.stringify(pick("x", "é", "Ω")),
    seq: () => `${int(1000)}`,
  };
  const required = new Set(randomStream.fields.filter((field) => !field.nullable).map((field) => field.name));
  const members = Object.entries(values).flatMap(([name, value]) => {
    const text = value();
    if (required.has(name)) return [`${JSON.stringify(name)}:${text}`];
    if (random() < 0.12) return [];
    return [`${JSON.stringify(name)}:${random() < 0.08 ? "null" : text}`];
  });
  return `{${members.join(",")}}`;
}

/** The records of one to four partitions, none to about forty together. */
export function randomRecords(random: () => number): Records {
  const partitions: (string | null)[][] = Array.from({ length: 1 + Math.floor(random() * 4) }, () => []);
  const count = random() < 0.06 ? 0 : Math.floor(random() * 40);
  const sent: string[] = [];
  for (let i = 0; i < count; i++) {
    const partition = partitions[Math.floor(random() * partitions.length)]!;
    const kind = random();
    if (kind < 0.06) partition.push(malformed[Math.floor(random() * malformed.length)]!);
    else if (kind < 0.2 && sent.length > 0) partition.push(sent[Math.floor(random() * sent.length)]!);
    else {
      const event = randomEvent(random);
      sent.push(event);
      partition.push(event);
    }
  }
  return partitions;
}
