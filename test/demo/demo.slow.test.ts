import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { brokerAvailable } from "../../demo/broker/broker.ts";
import { scratch, startBuilt } from "../cli/tidemark.ts";

const lacking = brokerAvailable();

async function expectStory(log: "embedded" | "kafka"): Promise<void> {
  const data = join(scratch(), "data");
  const { code, out, err } = await startBuilt("demo/main.js", [
    "--log",
    log,
    "--share",
    "0.02",
    "--seconds",
    "4",
    "--data",
    data,
  ]).done;
  expect(code, `${out}\n${err}`).toBe(0);
  expect(out).toMatch(/version 1: 40,000 events archived/);
  expect(out).toMatch(/version 2: [\d,]+ events archived .* proved equal to version 1 and its delta/);
  expect(out).toMatch(/from batch \+ [1-9][\d,]* from speed, lag \d+ ms; worst mean delays: /);
  expect(out).toMatch(/the answer now covers 60,000 flights/);
  expect(out).toMatch(/version 2: [\d,]+ from batch \+ [\d,]+ from speed, lag/);
  for (const view of ["airports", "days", "delays", "routes", "total"])
    expect(out).toMatch(new RegExp(`${view}: \\d+ rows?, equal`));
  expect(out).toMatch(/straight over the 60,000 rows of the Parquet file: the same: \{"flights":"60000"/);
  expect(out).toMatch(/Equal, in \d+ s\./);
  expect(readdirSync(join(data, "versions"))).toEqual(["00000000.json", "00000001.json", "00000002.json"]);
}

it("the demo on a small share of the flights ends by itself, equal", { timeout: 60_000 }, () =>
  expectStory("embedded"),
);

it("the demo on a real broker", { timeout: 120_000 }, async (context) => {
  if (lacking && process.env.CI === "true") throw new Error(`Kafka cannot be tested here: ${lacking}`);
  context.skip(lacking !== null, lacking ?? "");
  await expectStory("kafka");
});

it("make demo and make dev are what the README says", () => {
  const makefile = readFileSync("Makefile", "utf8");
  expect(makefile).toMatch(/^demo:.*\n\tnode dist\/demo\/main.js \$\(if \$\(LOG\),--log \$\(LOG\)\)$/m);
  expect(makefile).toMatch(/^dev:.*\n\tnode dist\/cli\/main.js dev --project demo\/flights$/m);
});
