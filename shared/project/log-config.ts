/** The configuration's section `log`: the embedded log, or Kafka and how to get in there. */
import type { KafkaOptions } from "../log/kafka-client.ts";
import { issuedTokens, type Sasl, saslOf } from "../log/kafka-login.ts";
import { codecNames } from "../log/kafka-wire.ts";
import { parseDuration } from "./duration.ts";
import { checkSecret, readSecret, readText, type SecretSources } from "./secret.ts";
import { invalid, type Section } from "./section.ts";

export interface LogSection {
  /** null: the embedded log. */
  readonly brokers: readonly string[] | null;
  /** How long the embedded log keeps what is archived already, ms. */
  readonly retentionMs: number;
  /** How Kafka is spoken to; secrets are read when this is called. @throws CONFIG_INVALID where one is not there */
  readonly connection: () => Pick<KafkaOptions, "clientId" | "compression" | "ssl" | "sasl">;
}

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] as const;
const kafkaOnly = ["ssl", "sasl", "clientId", "compression"] as const;

/** @param brokers of flags and environment, which go before the file's */
export function readLogSection(config: Section, sources: SecretSources, given: readonly string[] | null): LogSection {
  const log = config.section("log", ["brokers", "retention", ...kafkaOnly]);
  const written = log.texts("brokers");
  if (written) checkBrokers(log.where("brokers"), written);
  if (written && log.has("retention"))
    invalid(log.where("retention"), "is for the embedded log only", "remove it, and set retention.ms on the topics");
  const brokers = given ?? written ?? null;
  const alone = kafkaOnly.find((key) => log.has(key));
  if (alone && !brokers) invalid(log.where(alone), "is for Kafka only", "name brokers, or remove it");
  const retention = log.text("retention") ?? "7 days";
  const retentionMs = parseDuration(retention);
  if (retentionMs === null)
    invalid(log.where("retention"), `${JSON.stringify(retention)} is not a duration`, 'write "7 days" or "36 hours"');
  const [ssl, sasl] = [readSsl(log, sources), readSasl(log, sources)];
  const clientId = log.text("clientId");
  const compression = oneOf(log, "compression", codecNames);
  const connection = () => ({
    ...(clientId === undefined ? {} : { clientId }),
    ...(compression === undefined ? {} : { compression }),
    ...(ssl ? { ssl: ssl() } : {}),
    ...(sasl ? { sasl: saslOf(sasl()) } : {}),
  });
  return { brokers, retentionMs, connection };
}

function readSsl(log: Section, sources: SecretSources): (() => NonNullable<KafkaOptions["ssl"]>) | null {
  if (!log.has("ssl")) return null;
  if (log.isFlag("ssl")) return log.flag("ssl") ? () => true : null;
  const ssl = log.section("ssl", ["ca", "cert", "key", "servername"]);
  const [ca, cert, key, servername] = (["ca", "cert", "key", "servername"] as const).map((each) => ssl.text(each));
  if (key !== undefined) checkSecret(ssl.where("key"), key);
  if ((key === undefined) !== (cert === undefined))
    invalid(ssl.where(key === undefined ? "key" : "cert"), "is missing", "a certificate and its key go together");
  const pem = (name: "ca" | "cert", text: string) => {
    const found = readText(ssl.where(name), text, sources);
    if (!found.includes("-----BEGIN "))
      invalid(ssl.where(name), "is not a PEM certificate", 'write "file:PATH" of one');
    return found;
  };
  return () => ({
    ...(ca === undefined ? {} : { ca: pem("ca", ca) }),
    ...(cert === undefined ? {} : { cert: pem("cert", cert) }),
    ...(key === undefined ? {} : { key: readSecret(ssl.where("key"), key, sources) }),
    ...(servername === undefined ? {} : { servername }),
  });
}

function readSasl(log: Section, sources: SecretSources): (() => Sasl) | null {
  if (!log.has("sasl")) return null;
  const all = ["mechanism", "username", "password", "token", "tokenUrl", "clientId", "clientSecret", "scope"];
  const sasl = log.section("sasl", all);
  const mechanism = oneOf(sasl, "mechanism", mechanisms);
  if (mechanism === undefined) invalid(sasl.where("mechanism"), "is missing", `one of: ${mechanisms.join(", ")}`);
  const only = (...keys: readonly string[]) => {
    const other = sasl.keys().find((key) => key !== "mechanism" && !keys.includes(key));
    if (other) invalid(sasl.where(other), `does not go with mechanism ${mechanism}`, `it takes: ${keys.join(", ")}`);
  };
  const needed = (key: string) => sasl.text(key) ?? invalid(sasl.where(key), "is missing");
  const secret = (key: string) => {
    const named = needed(key);
    checkSecret(sasl.where(key), named);
    return () => readSecret(sasl.where(key), named, sources);
  };
  if (mechanism !== "oauthbearer") {
    only("username", "password");
    const [username, password] = [needed("username"), secret("password")];
    return () => ({ mechanism, username: readText(sasl.where("username"), username, sources), password: password() });
  }
  if (sasl.has("token")) {
    only("token");
    const token = secret("token");
    return () => {
      token();
      return { mechanism, token: async () => token() };
    };
  }
  only("tokenUrl", "clientId", "clientSecret", "scope");
  const url = sasl.text("tokenUrl");
  if (url === undefined)
    invalid(sasl.where("token"), "is missing", "name token, or tokenUrl, clientId and clientSecret");
  if (!/^https?:\/\/\S+$/.test(url))
    invalid(sasl.where("tokenUrl"), `${JSON.stringify(url)} is not an address`, 'write "https://…"');
  const [clientId, clientSecret, scope] = [needed("clientId"), secret("clientSecret"), sasl.text("scope") ?? null];
  return () => {
    const id = readText(sasl.where("clientId"), clientId, sources);
    return { mechanism, token: issuedTokens({ url, clientId: id, clientSecret: clientSecret(), scope }) };
  };
}

function oneOf<T extends string>(section: Section, key: string, known: readonly T[]): T | undefined {
  const written = section.text(key);
  const found = known.find((each) => each === written?.toLowerCase());
  if (written !== undefined && found === undefined)
    invalid(section.where(key), `${JSON.stringify(written)} is not known`, `one of: ${known.join(", ")}`);
  return found;
}

export function checkBrokers(where: string, brokers: readonly string[]): void {
  if (brokers.length === 0)
    invalid(where, "names no broker", 'write "127.0.0.1:9092", or leave it out for the embedded log');
  const bad = brokers.find((broker) => !/^(\[[0-9a-f:]+\]|[^\s:,/[\]]+):\d{1,5}$/i.test(broker));
  if (bad !== undefined) invalid(where, `${JSON.stringify(bad)} is not host:port`, 'write "127.0.0.1:9092"');
}
