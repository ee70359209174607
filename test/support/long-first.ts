import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of each lane that take longest: begun first, none of them runs alone at the end. */
const longest = [
  "faults/syscalls",
  "faults/broker",
  "faults/kills",
  "faults/sizes",
  "cli/roles",
  "serving/sandbox",
  "ingest/requests",
  "cli/verbs",
  "log/kafka",
  "simulation/simulation",
  "pipeline/duplicates",
  "pipeline/clocks",
  "views/cases-of-traps",
  "views/cases",
  "faults/corruption",
  "decode/shape",
  "serving/read-model",
  "pipeline/random",
  "decode/ways",
  "serving/http",
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
