/**
 * Protects bodies against changes in transit (RFC 9530). A request's `Content-Digest` is checked
 * before the body is processed. Every answer has a `Repr-Digest`: in a header if its body is known
 * as a whole, else in a trailer. A client that uses fetch sees neither trailers nor compressed bytes;
 * it asks with `Tidemark-Digest: framed` for the digest as the last line of the body, before
 * compression. Server-sent events have no digest.
 */
import { createHash, type Hash, hash } from "node:crypto";
import { pipeline, Transform } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "../../shared/http/problem.ts";
import { digestHeader, framed, framedValue } from "../client/frame.ts";

/** The algorithms of RFC 9530 that are not deprecated. */
const algorithms = ["sha-256", "sha-512"] as const;
type Algorithm = (typeof algorithms)[number];

/** For all requests and answers, except the digest of answers that may still be compressed. */
export function digests(app: FastifyInstance): void {
  app.addHook("preParsing", (request, _reply, payload, done) => {
    const stated = request.headers["content-digest"];
    // no other method takes a body here, and its own refusal takes precedence
    if (stated === undefined || request.method !== "POST") return done(null, payload);
    try {
      const wanted = digestsIn(String(stated));
      done(null, wanted.size === 0 ? payload : checked(payload, wanted));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook("onSend", (request, reply, payload, done) => {
    const body = isFramed(request, reply, payload) ? withFrame(reply, payload) : payload;
    // without a route, nothing compresses the answer
    done(null, request.is404 ? stated(request, reply, body) : body);
  });
}

/** For the routes of a scope, after compression, whose hook is per route, too. */
export function digestsOfPacked(scope: FastifyInstance): void {
  scope.addHook("onRoute", (route) => {
    const before = route.onSend === undefined ? [] : Array.isArray(route.onSend) ? route.onSend : [route.onSend];
    route.onSend = [...before, (request, reply, payload, done) => done(null, stated(request, reply, payload))];
  });
}

function stated(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (!isBody(payload) || isEvents(reply)) return payload;
  if (typeof payload === "string" || Buffer.isBuffer(payload)) {
    reply.header("Repr-Digest", textOf("sha-256", hash("sha256", payload, "base64")));
    return payload;
  }
  // a client of HTTP/1.0 knows no trailers
  if (request.raw.httpVersion === "1.0" || request.method === "HEAD") return payload;
  const sum = createHash("sha256");
  reply.trailer("Repr-Digest", async () => textOf("sha-256", sum.digest("base64")));
  return through(payload, sum, () => null);
}

type Body = string | Buffer | NodeJS.ReadableStream;

function isBody(payload: unknown): payload is Body {
  if (typeof payload === "string" || Buffer.isBuffer(payload)) return true;
  return typeof (payload as { pipe?: unknown } | null | undefined)?.pipe === "function";
}

function isEvents(reply: FastifyReply): boolean {
  return String(reply.getHeader("Content-Type") ?? "").startsWith("text/event-stream");
}

function isFramed(request: FastifyRequest, reply: FastifyReply, payload: unknown): payload is Body {
  return request.headers[digestHeader] === framedValue && isBody(payload) && !isEvents(reply);
}

function withFrame(reply: FastifyReply, payload: Body): Body {
  reply.header(digestHeader, framedValue).header("Vary", joined(reply.getHeader("Vary"), digestHeader));
  if (typeof payload !== "string" && !Buffer.isBuffer(payload))
    return through(payload, createHash("sha256"), (sum) => Buffer.from(framed(sum.digest("base64"))));
  const end = framed(hash("sha256", payload, "base64"));
  return typeof payload === "string" ? payload + end : Buffer.concat([payload, Buffer.from(end)]);
}

/** The body unchanged, hashed as it passes; `end` may append to it. */
function through(payload: NodeJS.ReadableStream, sum: Hash, end: (sum: Hash) => Buffer | null): Transform {
  const passed = new Transform({
    transform: (chunk: Buffer, _encoding, next) => {
      sum.update(chunk);
      next(null, chunk);
    },
    flush: (next) => next(null, end(sum)),
  });
  // the reader of `passed` gets the error
  pipeline(payload, passed, () => undefined);
  return passed;
}

/** The body unchanged; fails at its end if it does not match the digest. */
function checked(
  payload: NodeJS.ReadableStream & { receivedEncodedLength?: number },
  wanted: ReadonlyMap<Algorithm, string>,
): Transform {
  const sums = [...wanted].map(([algorithm, value]) => ({
    algorithm,
    value,
    sum: createHash(algorithm.replace("-", "")),
  }));
  const passed = new Transform({
    transform: (chunk: Buffer, _encoding, next) => {
      for (const { sum } of sums) sum.update(chunk);
      next(null, chunk);
    },
    flush: (next) => {
      const wrong = sums.find(({ value, sum }) => sum.digest("base64") !== value);
      next(wrong ? mismatch(wrong.algorithm) : null);
    },
  });
  // Fastify compares Content-Length with what came in
  let received = 0;
  payload.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  Object.defineProperty(passed, "receivedEncodedLength", { get: () => payload.receivedEncodedLength ?? received });
  pipeline(payload, passed, () => undefined);
  return passed;
}

const mismatch = (algorithm: Algorithm) =>
  new Refusal(
    400,
    "DIGEST_MISMATCH",
    `the body does not match its Content-Digest (${algorithm}): it was changed in transit; send it again`,
  );

/**
 * Parses a dictionary of structured fields (RFC 9651) whose values are bytes; unknown algorithms
 * are ignored.
 */
function digestsIn(text: string): Map<Algorithm, string> {
  const found = new Map<Algorithm, string>();
  for (const each of text.split(",")) {
    const match = /^[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?[ \t]*$/.exec(each);
    if (!match) throw new Refusal(400, "USAGE", "Content-Digest: write it as sha-256=:BASE64: (RFC 9530)");
    const algorithm = algorithms.find((known) => known === match[1]);
    if (algorithm) found.set(algorithm, match[2]!);
  }
  return found;
}

function textOf(algorithm: Algorithm, base64: string): string {
  return `${algorithm}=:${base64}:`;
}

function joined(before: unknown, name: string): string {
  return before === undefined ? name : `${String(before)}, ${name}`;
}
