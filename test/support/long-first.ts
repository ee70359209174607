import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of each lane that take longest: begun first, none of them runs alone at the end. */
const longest = [
  "faults/broker",
  "faults/syscalls",
  "faults/kills",
  "faults/sizes",
  "cli/roles",
  "cli/changes",
  "cli/bad-input",
  "docs/readme",
  "cli/verbs",
  "sources/postgres/traps",
  "demo/demo",
  "names/names",
  "data-folders/folders",
  "types/zones",
  "ingest/requests",
  "faults/cdc",
  "faults/consumers",
  "faults/outbox",
  "sources/postgres/source",
  "log/kafka",
  "serving/sandbox",
  "dashboard/dashboard",
  "serving/openapi",
  "serving/stream-events",
  "views/cases",
  "views/algebra",
  "simulation/simulation",
  "views/cases-of-traps",
  "faults/corruption",
  "views/changelog",
  "serving/read-model",
  "serving/table-view",
  "decode/shape",
  "decode/strict",
  "serving/http",
  "types/types",
  "decode/ways",
  "pipeline/duplicates",
  "pipeline/clocks",
  "pipeline/random",
  "deliveries/consumer",
];

/** The known order of durations, where vitest has none of earlier runs. */
export default class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const lanes = [...new Set(sorted.map(({ project }) => project))];
    return lanes.flatMap((lane) => {
      return sorted.filter(({ project }) => project === lane).sort((a, b) => rankOf(a) - rankOf(b));
    });
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((name) => /^(\.slow)?\.test\.ts$/.test(moduleId.split(`/test/${name}`)[1] ?? ""));
  return rank < 0 ? longest.length : rank;
}
