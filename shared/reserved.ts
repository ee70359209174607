/** Streams of Tidemark's own in the log. Their topics bear the project's name, so that projects may share a broker. */
import { createHash } from "node:crypto";
import type { StreamDefinition } from "./definition.ts";

/** Of Kafka's topics. */
const lengthMax = 249;
const projectLengthMax = 150;

/** @param name begins with two underscores */
export function reservedTopic(project: string, name: string): string {
  const hashBytes = 8;
  const max = Math.min(projectLengthMax, lengthMax - name.length - hashBytes - 2);
  const plain = project.replace(/[^a-zA-Z0-9._-]/g, "_").slice(0, max);
  if (plain === project) return `${plain}.${name}`;
  return `${plain}-${createHash("sha256").update(project).digest("hex").slice(0, hashBytes)}.${name}`;
}

const inputPrefix = "__input_";

/**
 * What HTTP and load send to a changelog: tidemark sources makes its records of them, partition by partition.
 * @param partitions as many as the changelog has
 */
export function inputOf(
  project: string,
  { name }: Pick<StreamDefinition, "name">,
  partitions: number,
): StreamDefinition {
  const input = `${inputPrefix}${name}`;
  return {
    name: input,
    topic: reservedTopic(project, input),
    existing: false,
    fields: [
      { name: "key", type: "VARCHAR", nullable: false },
      { name: "op", type: "VARCHAR", nullable: false },
      { name: "row", type: "JSON", nullable: false },
    ],
    key: "key",
    time: null,
    id: null,
    dedupMs: null,
    upcast: null,
    partitions,
  };
}
