/**
 * Resumes a load under its request id: the same files, placed in the same partitions, without what is already
 * there.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { appendedOf } from "../../ingest/appended.ts";
import type { ProducerOptions } from "../../ingest/producer.ts";
import { fingerprintOf, Requests } from "../../ingest/requests.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { logStream } from "../../shared/store/origin.ts";
import type { Context } from "../context.ts";
import type { OpenProject } from "../opened.ts";
import type { VerbArgs } from "../verb.ts";

interface Target extends OpenProject {
  readonly stream: StreamDefinition;
}

/**
 * Registers the request, or reads how it was registered.
 * @param partitions the partitions for a new request
 * @throws USAGE when other files were loaded under the id; LOG_APPEND, LOG_UNREACHABLE
 */
export async function resumeLoad(
  { signal }: Context,
  { files, input }: VerbArgs["load"],
  request: string,
  { project, store, log, stream }: Target,
  partitions: number,
): Promise<Pick<ProducerOptions, "request" | "partitions" | "appended">> {
  const target = logStream(stream);
  const requests = new Requests(log, project.name, store.scratch("requests"), signal);
  try {
    // standard input can't be read twice, so only its sender knows whether it is the same
    const fingerprint = files.includes("-")
      ? null
      : fingerprintOf(JSON.stringify(input), ...(await Promise.all(files.map((file) => hashOf(file, signal)))));
    const from = await log.end(target);
    const known = await requests.register(`${stream.name} load:${request}`, { fingerprint, partitions, from });
    if (fingerprint !== null && known.fingerprint !== null && known.fingerprint !== fingerprint)
      throw new TidemarkError(
        "USAGE",
        `--request-id ${request} was used within the last day for other files or options`,
        "choose another id for this load",
      );
    if (known.first || known.from === null) return { request, partitions: known.partitions };
    return {
      request,
      partitions: known.partitions,
      appended: await appendedOf(log, target, request, known.from, signal),
    };
  } finally {
    await requests.close();
  }
}

async function hashOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  // a file that can't be read is reported when its rows are read
  await pipeline(createReadStream(file), hash, { signal }).catch((error: unknown) => {
    if (signal.aborted) throw error;
  });
  return hash.digest("base64");
}
