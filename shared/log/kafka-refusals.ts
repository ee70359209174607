/**
 * What a broker, or the way to it, refuses: none of it passes by itself. Derived from kafkajs's errors and their
 * causes.
 */
import { TidemarkError } from "../errors.ts";
import type { LogStream } from "./log.ts";

interface Failure {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  /** Kafka's name of an error. */
  readonly type?: unknown;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
  readonly topic?: unknown;
}

const notOurs = ["it does not take our certificate", "check log.ssl.cert and log.ssl.key"] as const;
const lacking = ["it asks for a certificate of ours", "name log.ssl.cert and log.ssl.key"] as const;

/** Why a certificate was not taken, by Node's code. */
const certificates: Readonly<Record<string, readonly [why: string, todo: string]>> = {
  CERT_HAS_EXPIRED: ["its certificate has expired", "renew the broker's certificate"],
  CERT_NOT_YET_VALID: ["its certificate is not valid yet", "check both machines' clocks"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    "its certificate is self-signed, and not one that log.ssl.ca names",
    'name it: log: { ssl: { ca: "file:ca.pem" } }',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority(),
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority(),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority(),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority(),
  CERT_SIGNATURE_FAILURE: unknownAuthority(),
  CERT_UNTRUSTED: unknownAuthority(),
  CERT_REVOKED: ["its certificate is revoked", "renew the broker's certificate"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "its certificate is for another name",
    'name the broker as its certificate does, or say which name it has: log: { ssl: { servername: "…" } }',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ["it does not speak TLS at this port", "remove log.ssl, or name its port for TLS"],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: lacking,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: notOurs,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ["it does not know who issued our certificate", "check log.ssl.cert"],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ["our certificate has expired", "renew log.ssl.cert"],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: notOurs,
};

function unknownAuthority(): readonly [string, string] {
  return [
    "its certificate is of an authority that is not known here",
    'name the authority that issued it: log: { ssl: { ca: "file:ca.pem" } }',
  ];
}

/** True when trying again is of no use. */
export function isRefusal(error: unknown): boolean {
  return failuresIn(error).some((each) => loginFailed(each) || certificateOf(each) !== undefined || isForbidden(each));
}

/** What this client identifies itself with. */
export interface ClientIdentity {
  /** null: it has no name. */
  readonly user: string | null;
  /** Whether it has a certificate. */
  readonly certificate: boolean;
}

/** @returns null for whatever may pass */
export function refusalOf(
  error: unknown,
  brokers: string,
  { user, certificate: own }: ClientIdentity,
): TidemarkError | null {
  const all = failuresIn(error);
  const facts = { brokers };
  const certificate = all.map(certificateOf).find((found) => found !== undefined);
  if (certificate) {
    const [why, todo] = !own && certificate === notOurs ? lacking : certificate;
    return new TidemarkError("LOG_CERTIFICATE", `cannot trust Kafka at ${brokers}: ${why}`, todo, facts, error);
  }
  const login = all.find(loginFailed);
  if (login) {
    const who = user === null ? "this client" : `user ${user}`;
    const unsupported =
      /mechanism/i.test(login.message ?? "") && /not (supported|enabled)|support/i.test(login.message ?? "");
    return new TidemarkError(
      "LOG_LOGIN",
      `Kafka at ${brokers} does not let ${who} in: ` +
        (unsupported ? "it does not take this mechanism" : "wrong user name, password or token"),
      "check log.sasl",
      facts,
      error,
    );
  }
  const denied = all.find(isForbidden);
  if (!denied) return null;
  const who = user === null ? "this client" : `user ${user}`;
  return new TidemarkError(
    "LOG_FORBIDDEN",
    `Kafka at ${brokers} does not allow ${who} ${forbids[String(denied.type)]}`,
    "give it the rights that docs/kafka.md lists for its role",
    facts,
    error,
  );
}

/** A fetch that is not allowed. */
export function forbidden(stream: LogStream, operation: string): TidemarkError {
  return new TidemarkError(
    "LOG_FORBIDDEN",
    `Kafka does not allow this client to read topic ${stream.topic}: it lacks ${operation}`,
    "give it the rights that docs/kafka.md lists for its role",
    { stream: stream.name, topic: stream.topic },
  );
}

const forbids: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: "what it asks of a topic",
  CLUSTER_AUTHORIZATION_FAILED: "what it asks of the cluster",
  GROUP_AUTHORIZATION_FAILED: "what it asks of a group",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "what it asks of a transactional id",
};

function isForbidden({ type }: Failure): boolean {
  return typeof type === "string" && Object.hasOwn(forbids, type);
}

function loginFailed({ name, type }: Failure): boolean {
  return name === "KafkaJSSASLAuthenticationError" || name === "TokenError" || type === "SASL_AUTHENTICATION_FAILED";
}

function certificateOf({ code }: Failure): readonly [string, string] | undefined {
  return typeof code === "string" && Object.hasOwn(certificates, code) ? certificates[code] : undefined;
}

/** An error and all that it was made from. */
function failuresIn(error: unknown, depth = 0): Failure[] {
  if (typeof error !== "object" || error === null || depth > 8) return [];
  const failure = error as Failure;
  const inside = [failure.cause, failure.originalError, ...(Array.isArray(failure.errors) ? failure.errors : [])];
  return [failure, ...inside.flatMap((each) => failuresIn(each, depth + 1))];
}
