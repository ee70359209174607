/**
 * The broker as clusters have it: TLS, logins and rights. What is right works; what is wrong is one line that
 * says which, and no secret in it.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Broker, brokerAvailable, startBroker } from "../../demo/broker/broker.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Log, LogStream } from "../../shared/log/log.ts";
import { openLog } from "../../shared/log/open.ts";
import { loadProject } from "../../shared/project/load.ts";
import { startBuilt } from "../cli/tidemark.ts";
import { configText } from "../project/project-folder.ts";
import { type Authority, authority, type Issued } from "./certificates.ts";

const lacking = brokerAvailable();
const secrets = { alice: `alice-${randomUUID()}`, bob: `bob-${randomUUID()}`, carol: `carol-${randomUUID()}` };

describe.skipIf(lacking !== null && process.env.CI !== "true")("a broker with TLS, SASL and an authorizer", () => {
  let broker: Broker;
  let own: Authority;
  let foreign: Authority;
  let client: Issued;
  let dir: string;
  let issuer: { readonly url: string; asked: number; close(): void };
  const stream = { name: "events", topic: `events-${randomUUID().slice(0, 8)}`, existing: false, partitions: 2 };

  beforeAll(async () => {
    [own, foreign] = [await authority("ours"), await authority("another's")];
    client = await own.issue("client");
    const [good, expired] = [await own.issue("localhost"), await own.issue("localhost", -5)];
    const wrongName = await own.issue("broker.example.org");
    broker = await startBroker({
      secured: {
        users: secrets,
        listeners: {
          SECURE: { protocol: "SASL_SSL", ...good },
          EXPIRED: { protocol: "SASL_SSL", ...expired },
          MISNAMED: { protocol: "SASL_SSL", ...wrongName },
          MUTUAL: { protocol: "SSL", ...good, clientAuthority: own.certificate },
        },
      },
    });
    await allow(broker, stream.topic);
    issuer = await tokenIssuer();
    dir = mkdtempSync(join(tmpdir(), "tidemark-secured-"));
    const files = {
      "ca.pem": own.certificate,
      "other-ca.pem": foreign.certificate,
      "client.pem": client.certificate,
      "client-key.pem": client.key,
      "token.jwt": token("alice"),
      "password.txt": `${secrets.alice}\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  }, 120_000);
  afterAll(async () => {
    issuer?.close();
    await broker?.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  }, 30_000);

  const ca = "file:../ca.pem";
  const alice = { mechanism: "scram-sha-512", username: "alice", password: "file:../password.txt" };
  const settings = (listener: string, ssl: unknown, sasl?: unknown) => ({
    brokers: [listener === "PLAIN" ? broker.brokers : broker.listeners[listener]!],
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  });
  const env = { ALICE: secrets.alice, BOB: secrets.bob, WRONG: "not-the-password", CLIENT_SECRET: "the-client-secret" };

  /** Through the project's own configuration. */
  async function withLog<T>(log: unknown, work: (log: Log) => Promise<T>): Promise<T> {
    const project = await loadProject({ dir: writeProject(log), env });
    const opened = await openLog({
      data: join(dir, "data"),
      brokers: project.log.brokers!,
      ...project.log.connection(),
    });
    try {
      return await work(opened);
    } finally {
      await opened.close();
    }
  }
  /** A project of its own for each: a module is read once a process. @returns its folder */
  const writeProject = (log: unknown): string => {
    const own = mkdtempSync(join(dir, "project-"));
    const streams = { events: { fields: { x: "BIGINT" }, topic: stream.topic } };
    writeFileSync(join(own, "tidemark.config.mjs"), configText({ name: "p", streams, log }));
    return own;
  };
  const roundTrip = async (log: Log, of: LogStream = stream) => {
    await log.ensure(of);
    const value = Buffer.from(`{"x":${Math.floor(Math.random() * 1e9)}}`);
    const ends = await log.append(of, [{ partition: 0, key: null, value }]);
    const reader = await log.read(of, new Map([[0, ends.get(0)! - 1]]));
    const batches = await reader.next(1 << 20, 5000);
    await reader.close();
    expect(batches.flatMap((batch) => batch.records().map((record) => record.value!.toString()))).toEqual([
      String(value),
    ]);
  };

  const right: Readonly<Record<string, () => unknown>> = {
    "SCRAM-SHA-512, password in a file": () => settings("SECURE", { ca }, alice),
    "SCRAM-SHA-256, password in the environment": () =>
      settings("SECURE", { ca }, { mechanism: "scram-sha-256", username: "alice", password: "env:ALICE" }),
    "PLAIN, its authority written out": () =>
      settings("SECURE", { ca: own.certificate }, { mechanism: "plain", username: "alice", password: "env:ALICE" }),
    "OAUTHBEARER, token in a file": () =>
      settings("SECURE", { ca }, { mechanism: "oauthbearer", token: "file:../token.jwt" }),
    "OAUTHBEARER, token of an issuer": () =>
      settings(
        "SECURE",
        { ca },
        {
          mechanism: "oauthbearer",
          tokenUrl: issuer.url,
          clientId: "alice",
          clientSecret: "env:CLIENT_SECRET",
          scope: "kafka",
        },
      ),
    "another name, said so": () => settings("MISNAMED", { ca, servername: "broker.example.org" }, alice),
    "a certificate of ours": () =>
      settings("MUTUAL", { ca, cert: "file:../client.pem", key: "file:../client-key.pem" }),
    "a client id and compression": () => ({
      ...settings("SECURE", { ca }, alice),
      clientId: "reports",
      compression: "zstd",
    }),
  };
  for (const [what, log] of Object.entries(right)) it(`gets in: ${what}`, () => withLog(log(), roundTrip), 30_000);

  const wrong: Readonly<Record<string, readonly [log: () => unknown, code: string, says: RegExp]>> = {
    "wrong password": [
      () => settings("SECURE", { ca }, { ...alice, password: "env:WRONG" }),
      "LOG_LOGIN",
      /does not let user alice in: wrong user name, password or token/,
    ],
    "wrong password, PLAIN": [
      () => settings("SECURE", { ca }, { mechanism: "plain", username: "bob", password: "env:WRONG" }),
      "LOG_LOGIN",
      /does not let user bob in/,
    ],
    "no such user": [() => settings("SECURE", { ca }, { ...alice, username: "mallory" }), "LOG_LOGIN", /user mallory/],
    "a client secret that the issuer refuses": [
      () =>
        settings(
          "SECURE",
          { ca },
          { mechanism: "oauthbearer", tokenUrl: issuer.url, clientId: "alice", clientSecret: "env:WRONG" },
        ),
      "LOG_LOGIN",
      /wrong user name, password or token/,
    ],
    "wrong authority": [
      () => settings("SECURE", { ca: "file:../other-ca.pem" }, alice),
      "LOG_CERTIFICATE",
      /authority that is not known/,
    ],
    "no authority named": [() => settings("SECURE", true, alice), "LOG_CERTIFICATE", /authority that is not known/],
    "expired certificate": [() => settings("EXPIRED", { ca }, alice), "LOG_CERTIFICATE", /has expired/],
    "a certificate for another name": [
      () => settings("MISNAMED", { ca }, alice),
      "LOG_CERTIFICATE",
      /for another name/,
    ],
    "no certificate of ours": [() => settings("MUTUAL", { ca }), "LOG_CERTIFICATE", /asks for a certificate of ours/],
    "TLS to a port without it": [
      () => settings("PLAIN", { ca }, alice),
      "LOG_UNREACHABLE",
      /whether it speaks TLS at this port/,
    ],
    "no TLS to a port with it": [
      () => settings("SECURE", undefined),
      "LOG_UNREACHABLE",
      /whether it asks for ssl or sasl/,
    ],
    "a user without rights": [
      () => settings("SECURE", { ca }, { mechanism: "plain", username: "bob", password: "env:BOB" }),
      "LOG_FORBIDDEN",
      /does not allow user bob what it asks of a topic/,
    ],
  };
  for (const [what, [log, code, says]] of Object.entries(wrong)) {
    it(`says which: ${what}`, async () => {
      const error = await withLog(log(), roundTrip).catch((each: unknown) => each);
      expect(error).toBeInstanceOf(TidemarkError);
      const { line } = error as TidemarkError;
      expect([(error as TidemarkError).code, line]).toEqual([code, expect.stringMatching(says)]);
      expect(line).not.toContain("\n");
      for (const secret of [...Object.values(env), client.key])
        expect(JSON.stringify(error) + line).not.toContain(secret);
    }, 30_000);
  }

  it("reads a token's file for each connection, and asks an issuer again only when a token has expired", async () => {
    writeFileSync(join(dir, "turning.jwt"), "no token");
    const log = settings("SECURE", { ca }, { mechanism: "oauthbearer", token: "file:../turning.jwt" });
    await withLog(log, async (opened) => {
      expect(await opened.ensure(stream).catch((error: TidemarkError) => error.code)).toBe("LOG_LOGIN");
      writeFileSync(join(dir, "turning.jwt"), token("alice"));
      await roundTrip(opened);
    });
    const before = issuer.asked;
    await withLog(right["OAUTHBEARER, token of an issuer"]!(), async (opened) => {
      await roundTrip(opened);
      await roundTrip(opened);
    });
    expect(issuer.asked - before).toBe(1);
  }, 30_000);

  it("may read and not write, where that is all it may", async () => {
    const carol = { mechanism: "scram-sha-512", username: "carol", password: "env:CAROL" };
    const own = writeProject(settings("SECURE", { ca }, carol));
    const project = await loadProject({ dir: own, env: { CAROL: secrets.carol } });
    const log = await openLog({ data: join(dir, "data"), brokers: project.log.brokers!, ...project.log.connection() });
    try {
      await log.ensure({ ...stream, existing: true });
      const reader = await log.read(stream, new Map([[0, 0]]));
      expect((await reader.next(1 << 20, 5000)).length).toBeGreaterThan(0);
      await reader.close();
      const refused = await log
        .append(stream, [{ partition: 0, key: null, value: Buffer.from("{}") }])
        .catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "LOG_FORBIDDEN" });
    } finally {
      await log.close();
    }
  }, 30_000);

  it("the command line says it in one line, and no secret, whatever the log level", async () => {
    const project = writeProject(settings("SECURE", { ca }, { ...alice, password: "env:WRONG" }));
    const args = ["load", "events", "-", "--project", project, "--data", join(dir, "data")];
    const given = { env: { WRONG: env.WRONG, LOG_LEVEL: "debug" }, input: '{"x":1}\n' };
    const { code, out, err } = await startBuilt("cli/main.js", args, given).done;
    expect([code, err]).toEqual([1, expect.stringContaining("does not let user alice in")]);
    expect(out + err).not.toContain(env.WRONG);
  }, 30_000);
});

/** alice: all that Tidemark needs of one topic; carol: reading it; bob: nothing. */
async function allow(broker: Broker, topic: string): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const {
    AclResourceTypes: type,
    AclOperationTypes: operation,
    AclPermissionTypes: permission,
    ResourcePatternTypes: pattern,
  } = kafkajs;
  const rights = {
    alice: [operation.CREATE, operation.READ, operation.WRITE, operation.DESCRIBE, operation.DESCRIBE_CONFIGS],
    "CN=client": [operation.CREATE, operation.READ, operation.WRITE, operation.DESCRIBE, operation.DESCRIBE_CONFIGS],
    carol: [operation.READ, operation.DESCRIBE],
  };
  const acl = Object.entries(rights).flatMap(([user, operations]) =>
    operations.map((each) => ({
      resourceType: type.TOPIC,
      resourceName: topic,
      resourcePatternType: pattern.LITERAL,
      principal: `User:${user}`,
      host: "*",
      operation: each,
      permissionType: permission.ALLOW,
    })),
  );
  await admin.createAcls({ acl });
  await admin.disconnect();
}

/** As the broker's own validator for tests takes them: not signed. */
function token(user: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: "none" })}.${part({ sub: user, iat: now - 10, exp: now + 600, scope: "kafka" })}.`;
}

async function tokenIssuer(): Promise<{ url: string; asked: number; close(): void }> {
  const server = createServer(async (request, response) => {
    self.asked++;
    let body = "";
    for await (const piece of request) body += String(piece);
    const login = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString();
    const form = new URLSearchParams(body);
    const good = login === "alice:the-client-secret" && form.get("grant_type") === "client_credentials";
    response.writeHead(good ? 200 : 401, { "content-type": "application/json" });
    response.end(good ? JSON.stringify({ access_token: token("alice"), expires_in: 300, token_type: "Bearer" }) : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    asked: 0,
    close: () => void server.close(),
  };
  return self;
}
