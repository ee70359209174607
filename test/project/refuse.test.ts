import { describe, expect, test } from "vitest";
import { configText, folder, load, refusal, withStream } from "./project-folder.ts";

const file = "tidemark.config.mjs";

/** [what, configuration, the line without its file and code] */
const configs: [string, unknown, string][] = [
  ["a text", "hello", 'expected an object, got "hello"'],
  ["no streams", { name: "p" }, "streams: a project needs a stream; name one, with its fields"],
  ["streams as a list", { streams: [] }, "streams: expected an object, got an empty list"],
  ["an empty name", withStream({}, { name: " " }), "name: expected a string that is not empty"],
  ["an unknown key at the top", withStream({}, { stream: {} }), "stream: unknown key; did you mean streams?"],
  [
    "a misspelled key",
    { streams: { flights: { feilds: {} } } },
    "streams.flights.feilds: unknown key; did you mean fields?",
  ],
  [
    "a key in the wrong case",
    withStream({}, { speed: { flushmsmax: 1 } }),
    "speed.flushmsmax: unknown key; did you mean flushMsMax?",
  ],
  [
    "a key like no other",
    withStream({}, { serve: { tlsCertificate: 1 } }),
    "serve.tlsCertificate: unknown key; known here: host, port, withoutKeys, requestsPerSecond, cors",
  ],
  [
    "a stream's name",
    { streams: { "2fast": {} } },
    "streams.2fast: not a name for a stream; use letters, digits, _ and -, at most 128; start with a letter or one _",
  ],
  ["a stream that is a text", { streams: { a: "VARCHAR" } }, 'streams.a: expected an object, got "VARCHAR"'],
  ["no fields", { streams: { a: {} } }, 'streams.a.fields: a stream needs a field; write { name: "VARCHAR" }'],
  [
    "a field named __offset",
    withStream({ fields: { __offset: "BIGINT" } }),
    "streams.flights.fields.__offset: names that start with __ are Tidemark's own; choose another name",
  ],
  [
    "a field without a name",
    withStream({ fields: { "": "BIGINT" } }),
    "streams.flights.fields: a field needs a name that is not empty",
  ],
  [
    "two fields but for case",
    withStream({ fields: { a: "DATE", A: "DATE" } }),
    "streams.flights.fields.A: differs from the field a only in case; choose another name",
  ],
  [
    "a field's type as a number",
    withStream({ fields: { a: 1 } }),
    "streams.flights.fields.a: expected a string, got 1",
  ],
  [
    "a key that is no field",
    withStream({ key: "orgin" }),
    'streams.flights.key: no field is named "orgin"; name one of date, origin',
  ],
  [
    "a time that is no field",
    withStream({ time: "at" }),
    'streams.flights.time: no field is named "at"; name one of date, origin',
  ],
  [
    "a time that is a text",
    withStream({ time: "origin" }),
    "streams.flights.time: origin is VARCHAR, not a time; name a TIMESTAMP or DATE field",
  ],
  [
    "an id that is no field",
    withStream({ id: "x" }),
    'streams.flights.id: no field is named "x"; name one of date, origin',
  ],
  [
    "dedup",
    withStream({ id: "origin", dedup: "soon" }),
    'streams.flights.dedup: "soon" is not a duration; write "10 minutes" or "1 hour"',
  ],
  [
    "dedup without an id",
    withStream({ dedup: "1 hour" }),
    "streams.flights.dedup: a duplicate window needs an id; name the field with the event's id: id",
  ],
  [
    "no partitions",
    withStream({ partitions: 0 }),
    "streams.flights.partitions: expected an integer of at least 1, got 0",
  ],
  [
    "partitions as a text",
    withStream({ partitions: "4" }),
    'streams.flights.partitions: expected an integer of at least 1, got "4"',
  ],
  [
    "half a partition",
    withStream({ partitions: 1.5 }),
    "streams.flights.partitions: expected an integer of at least 1, got 1.5",
  ],
  [
    "a topic's name",
    withStream({ topic: "a b" }),
    'streams.flights.topic: "a b" is not a topic\'s name; use letters, digits, ., _ and -',
  ],
  [
    "one topic twice",
    { streams: { a: { fields: { x: "DATE" } }, b: { fields: { x: "DATE" }, topic: "a" } } },
    "streams.b: its topic a is already that of stream a; give each stream a topic of its own",
  ],
  [
    "two streams but for case",
    { streams: { a: { fields: { x: "DATE" } }, A: { fields: { x: "DATE" } } } },
    "streams.A: differs from the stream a only in case; choose another name",
  ],
  [
    "brokers as a text",
    withStream({}, { log: { brokers: "a:1" } }),
    'log.brokers: expected a list of strings, got "a:1"',
  ],
  [
    "a broker without a port",
    withStream({}, { log: { brokers: ["kafka"] } }),
    'log.brokers: "kafka" is not host:port; write "127.0.0.1:9092"',
  ],
  [
    "no broker",
    withStream({}, { log: { brokers: [] } }),
    'log.brokers: names no broker; write "127.0.0.1:9092", or leave it out for the embedded log',
  ],
  [
    "retention on Kafka",
    withStream({}, { log: { brokers: ["a:1"], retention: "1 day" } }),
    "log.retention: is for the embedded log only; remove it, and set retention.ms on the topics",
  ],
  [
    "TLS on the embedded log",
    withStream({}, { log: { ssl: true } }),
    "log.ssl: is for Kafka only; name brokers, or remove it",
  ],
  ...kafka({
    "an unknown codec": [
      { compression: "bzip2" },
      'compression: "bzip2" is not known; one of: none, gzip, snappy, lz4, zstd',
    ],
    "a key that is written out": [
      { ssl: { cert: "file:c.pem", key: "-----BEGIN PRIVATE KEY-----" } },
      'ssl.key: is a secret, and must not be written here; name where it is: "env:NAME" or "file:PATH"',
    ],
    "a certificate without its key": [
      { ssl: { cert: "file:c.pem" } },
      "ssl.key: is missing; a certificate and its key go together",
    ],
    "a password that is written out": [
      { sasl: { mechanism: "plain", username: "u", password: "hunter2" } },
      'sasl.password: is a secret, and must not be written here; name where it is: "env:NAME" or "file:PATH"',
    ],
    "no mechanism": [
      { sasl: { username: "u" } },
      "sasl.mechanism: is missing; one of: plain, scram-sha-256, scram-sha-512, oauthbearer",
    ],
    "an unknown mechanism": [
      { sasl: { mechanism: "gssapi" } },
      'sasl.mechanism: "gssapi" is not known; one of: plain, scram-sha-256, scram-sha-512, oauthbearer',
    ],
    "no user": [{ sasl: { mechanism: "plain", password: "env:P" } }, "sasl.username: is missing"],
    "a token beside a password": [
      { sasl: { mechanism: "plain", username: "u", password: "env:P", token: "file:t" } },
      "sasl.token: does not go with mechanism plain; it takes: username, password",
    ],
    "no token": [
      { sasl: { mechanism: "oauthbearer" } },
      "sasl.token: is missing; name token, or tokenUrl, clientId and clientSecret",
    ],
    "a token's address that is none": [
      { sasl: { mechanism: "oauthbearer", tokenUrl: "idp", clientId: "c", clientSecret: "env:S" } },
      'sasl.tokenUrl: "idp" is not an address; write "https://…"',
    ],
    "a client secret that is written out": [
      { sasl: { mechanism: "oauthbearer", tokenUrl: "https://idp/t", clientId: "c", clientSecret: "s" } },
      'sasl.clientSecret: is a secret, and must not be written here; name where it is: "env:NAME" or "file:PATH"',
    ],
  }),
  [
    "a bad duration",
    withStream({}, { log: { retention: "1 month" } }),
    'log.retention: "1 month" is not a duration; write "7 days" or "36 hours"',
  ],
  [
    "a bad hour",
    withStream({}, { batch: { schedule: "0 25 * * *" } }),
    'batch.schedule: "0 25 * * *" is not a cron expression: Constraint error, got value 25 expected range 0-23; write one such as "0 2 * * *"',
  ],
  [
    "a bad hour of a source",
    withStream({}, { sources: { shop: { postgres: "env:SHOP", verify: "nightly" } } }),
    'sources.shop.verify: "nightly" is not a cron expression: expected 5 fields, or 6 with seconds, got 1; ' +
      'write one such as "0 4 * * *"',
  ],
  [
    "a short schedule",
    withStream({}, { batch: { archive: "@daily" } }),
    'batch.archive: "@daily" is not a cron expression: expected 5 fields, or 6 with seconds, got 1; write one such as "*/5 * * * *"',
  ],
  [
    "a bad time zone",
    withStream({}, { batch: { timezone: "Mars/Phobos" } }),
    'batch.timezone: "Mars/Phobos" is not a time zone; use a name such as "UTC" or "Europe/Berlin"',
  ],
  [
    "an offset as a time zone",
    withStream({}, { batch: { timezone: "+05:30" } }),
    'batch.timezone: "+05:30" is not a time zone; use a name such as "UTC" or "Europe/Berlin"',
  ],
  [
    "no versions",
    withStream({}, { batch: { keepVersions: 0 } }),
    "batch.keepVersions: expected an integer of at least 1, got 0",
  ],
  [
    "a bad size",
    withStream({}, { batch: { memoryLimit: "lots" } }),
    'batch.memoryLimit: "lots" is not a size; write "4GB" or "512MB"',
  ],
  ["no shards", withStream({}, { speed: { shards: 0 } }), "speed.shards: expected an integer of at least 1, got 0"],
  [
    "a port out of range",
    withStream({}, { serve: { port: 70_000 } }),
    "serve.port: expected an integer from 0 to 65535, got 70000",
  ],
];

describe("a configuration is refused with", () => {
  test.each(configs)("%s", async (_what, config, line) => {
    expect(await refusal(folder({ [file]: configText(config) }))).toBe(`${file}: ${line} [CONFIG_INVALID]`);
  });
});

/** [type, the line from the field's path on] */
const types: [string, string][] = [
  ["nosuch", '"nosuch" is not a type: Type with name nosuch does not exist'],
  ["VARCHR", '"VARCHR" is not a type: Type with name VARCHR does not exist'],
  ["DECIMAL(39,2)", '"DECIMAL(39,2)" is not a type: DECIMAL type width must be between 1 and 38'],
  ["?", '"" is not a type'],
  ["INTEGER), (SELECT 1", '"INTEGER), (SELECT 1" is not a type'],
  ["INTEGER)) --", '"INTEGER)) --" is not a type'],
  ["INTEGER; DROP TABLE x", '"INTEGER; DROP TABLE x" is not a type'],
  ["STRUCT(a INTEGER?)", '"STRUCT(a INTEGER?)" is not a type'],
];

const refusedTypes: [string, string][] = [
  ["ENUM('a', 'b')", "ENUM; use VARCHAR"],
  ["INTERVAL", "INTERVAL; use BIGINT and say the unit in the name, such as delay_ms"],
  ["BIT?", "BIT; use BLOB, or VARCHAR of zeros and ones"],
  ["UNION(a INTEGER, b VARCHAR)", "UNION; use JSON, or one nullable field per case"],
  ["MAP(VARCHAR, BIGINT)", "MAP; use JSON, or STRUCT(k VARCHAR, v BIGINT)[]"],
  ["TIMETZ", "TIME WITH TIME ZONE; use TIME, or TIMESTAMP WITH TIME ZONE"],
  ["TIME_NS", "TIME_NS; use TIME"],
  ["BIGNUM", "BIGNUM; use DECIMAL(38,0), or VARCHAR"],
  ["VARIANT", "VARIANT; use JSON"],
  ["GEOMETRY", "GEOMETRY; use two DOUBLE fields, or BLOB with WKB"],
  ["DOUBLE[3]", "ARRAY; use a list, such as DOUBLE[]"],
  [
    "STRUCT(a INTEGER, b STRUCT(c DECIMAL(9,2), d INTERVAL[])[])",
    "INTERVAL; use BIGINT and say the unit in the name, such as delay_ms",
  ],
];

const examples = "use a DuckDB type such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,3), TIMESTAMP, VARCHAR[] or JSON";

describe("a field is refused with the type", () => {
  test.each(types)("%s", async (type, line) => {
    const dir = folder({ [file]: configText(withStream({ fields: { a: type } })) });
    expect(await refusal(dir)).toBe(`${file}: streams.flights.fields.a: ${line}; ${examples} [CONFIG_INVALID]`);
  });

  test.each(refusedTypes)("%s", async (type, line) => {
    const dir = folder({ [file]: configText(withStream({ fields: { a: type } })) });
    expect(await refusal(dir)).toBe(
      `${file}: streams.flights.fields.a: a field cannot be of type ${line} [CONFIG_INVALID]`,
    );
  });

  test('"NULL" in quotes', async () => {
    const dir = folder({ [file]: configText(withStream({ fields: { a: 'STRUCT(b "NULL")' } })) });
    expect(await refusal(dir)).toContain("a field cannot be of type NULL");
  });
});

describe("a project is refused", () => {
  test("without a configuration", async () => {
    const dir = folder({});
    expect(await refusal(dir)).toBe(
      `no tidemark.config.ts (or .js, .mjs) in ${dir}; run tidemark init for a project to start from, or name its folder with --project [CONFIG_MISSING]`,
    );
  });

  test("without a default export", async () => {
    expect(await refusal(folder({ [file]: "export const config = {};" }))).toBe(
      `${file}: has no default export; write export default defineConfig({ … }) [CONFIG_INVALID]`,
    );
  });

  test("when its configuration does not parse", async () => {
    const dir = folder({ "tidemark.config.ts": "export default {\n  name: 'a',,\n};\n" });
    expect(await refusal(dir)).toMatch(
      /^tidemark\.config\.ts: cannot be run: ParseError: .* \/.*tidemark\.config\.ts:2:12 \[CONFIG_INVALID\]$/,
    );
  });

  test("when its configuration throws or imports what is not there", async () => {
    expect(await refusal(folder({ [file]: "throw new Error('no luck');" }))).toBe(
      `${file}: cannot be run: no luck [CONFIG_INVALID]`,
    );
    expect(await refusal(folder({ [file]: "import x from 'nowhere';\nexport default x;" }))).toBe(
      `${file}: cannot be run: Cannot find module 'nowhere' [CONFIG_INVALID]`,
    );
  });

  test("with a view whose file is no name", async () => {
    const dir = folder({ [file]: configText(withStream()), "views/by hour.sql": "SELECT 1" });
    expect(await refusal(dir)).toBe(
      'views/by hour.sql: "by hour" is not a name for a view; use letters, digits, _ and -, at most 128; start with a letter or one _ [CONFIG_INVALID]',
    );
  });

  test.each([
    [
      "by hour.csv",
      '"by hour" is not a name for a table; use letters, digits, _ and -, at most 128; start with a letter or one _',
    ],
    ["Flights.csv", "has the same name as the stream Flights; choose another name"],
  ])("with a reference table %s", async (name, line) => {
    const dir = folder({ [file]: configText(withStream()), [`reference/${name}`]: "code,name\n" });
    expect(await refusal(dir)).toBe(`reference/${name}: ${line} [CONFIG_INVALID]`);
  });

  test("with two reference tables of one name", async () => {
    const tables = { "reference/a.csv": "x\n1\n", "reference/A.tsv": "x\n1\n" };
    expect(await refusal(folder({ [file]: configText(withStream()), ...tables }))).toMatch(
      /^reference\/a\.csv: has the same name as reference\/A\.tsv; choose another name/,
    );
  });
});

describe("a setting from outside is refused", () => {
  test.each([
    [
      "PORT",
      { env: { PORT: "http" } },
      'environment PORT: expected an integer from 0 to 65535, got "http" [CONFIG_INVALID]',
    ],
    [
      "KAFKA_BROKERS",
      { env: { KAFKA_BROKERS: "a:1,b" } },
      'environment KAFKA_BROKERS: "b" is not host:port; write "127.0.0.1:9092" [CONFIG_INVALID]',
    ],
    ["--port", { flags: { port: 99_999 } }, "--port: expected an integer from 0 to 65535, got 99999 [USAGE]"],
    ["--brokers", { flags: { brokers: ["b"] } }, '--brokers: "b" is not host:port; write "127.0.0.1:9092" [USAGE]'],
  ])("%s", async (_what, options, line) => {
    expect(await refusal(folder({ [file]: configText(withStream()) }), options)).toBe(line);
  });
});

/** Of the section `log`, with brokers. */
function kafka(settings: Record<string, readonly [object, string]>): [string, unknown, string][] {
  return Object.entries(settings).map(([what, [log, line]]) => [
    what,
    withStream({}, { log: { brokers: ["a:1"], ...log } }),
    `log.${line}`,
  ]);
}

describe("a secret that is not where the configuration says is refused, once it is needed,", () => {
  const cases: [string, object, string][] = [
    [
      "in the environment",
      { sasl: { mechanism: "plain", username: "u", password: "env:NOBODY" } },
      "log.sasl.password: the environment has no NOBODY; set it, or name another place",
    ],
    [
      "in a file",
      { sasl: { mechanism: "plain", username: "u", password: "file:gone" } },
      "log.sasl.password: cannot read gone: there is no such file; correct the path, or its rights",
    ],
    [
      "in an empty file",
      { sasl: { mechanism: "plain", username: "u", password: "file:empty" } },
      "log.sasl.password: empty is empty; write the secret there",
    ],
    [
      "as a certificate",
      { ssl: { ca: "file:text" } },
      'log.ssl.ca: is not a PEM certificate; write "file:PATH" of one',
    ],
  ];
  for (const [what, log, line] of cases) {
    test(what, async () => {
      const config = configText(withStream({}, { log: { brokers: ["a:1"], ...log } }));
      const project = await load(folder({ [file]: config, empty: "\n", text: "no certificate" }));
      expect(() => project.log.connection()).toThrow(
        expect.objectContaining({ line: `${file}: ${line} [CONFIG_INVALID]` }),
      );
    });
  }
});
