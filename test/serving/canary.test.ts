/**
 * A value of an invalid event, in every field, type and form, is in nothing that reports it: answers,
 * dead letters' reasons, status, metrics, incidents, lines.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { TidemarkError } from "../../shared/errors.ts";
import { LetterList } from "../../shared/history/letter-list.ts";
import { problemOf } from "../../shared/http/problem.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import { allTypes } from "../decode/all-types.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "./api.ts";

const canary = "canary7Q9";
const number = "31337313373133731337313373133731337313373133731337";
/** JSON values that fit few types, each with a canary in it. */
const values = [
  JSON.stringify(canary),
  JSON.stringify(`${canary}@example.org`),
  `-${number}.5`,
  JSON.stringify([canary]),
  JSON.stringify({ a: canary, [canary]: 1 }),
  JSON.stringify(`9999-99-99 ${canary}`),
];
const secrets = [canary, "3133731337"];

let world: World;
let api: Api;
beforeAll(async () => {
  world = await World.open({
    stream: { ...allTypes, partitions: 1 },
    views: { total: 'SELECT count(*) AS n FROM "all"' },
  });
  await world.firstVersion();
  api = await openApi(world);
}, 60_000);
afterAll(async () => {
  await api.close();
  await world.close();
});

const silent = (text: string, of: string) => {
  for (const secret of secrets) expect(text, of).not.toContain(secret);
};

it("reports field, type, class and length of an invalid value, and nothing of the value", {
  timeout: 120_000,
}, async () => {
  const bad = allTypes.fields.flatMap(({ name }) =>
    values.map((value) => (name === "i64" ? `{"i64":${value}}` : `{"i64":1,${JSON.stringify(name)}:${value}}`)),
  );
  const broken = [`{"i64":${canary}`, `"${canary}"`, `[${JSON.stringify(canary)}]`, `{"${canary}":1}`];
  const all = [...bad, ...broken];
  const answer = await api.app.inject({
    method: "POST",
    url: "/v1/streams/all/events",
    headers: { "content-type": "application/x-ndjson" },
    payload: all.join("\n"),
  });
  silent(answer.body, "refusals over HTTP");
  expect(answer.body).toContain("i64: a text of 9 characters is not a BIGINT");
  await world.append(all.map((value) => ({ partition: 0, value, valid: false })));
  await world.runBatch();
  await api.follower.tick();
  using session = await world.duck.session();
  const manifest = (await newestVersion(world.store))!;
  await using list = await LetterList.open({ store: world.store, log: world.log, session, manifest }, [
    manifest.definition.streams[0]!,
  ]);
  let letters = 0;
  for await (const { reason } of list.letters(null)) {
    silent(reason, reason);
    letters++;
  }
  silent(JSON.stringify(await list.reasons()), "reasons");
  expect(letters).toBeGreaterThan(100);
  for (const url of ["/v1/status", "/metrics", "/readyz", "/v1/views/total"])
    silent((await api.app.inject({ method: "GET", url })).body, url);
  silent(JSON.stringify(await incidentsIn(world.store)), "incidents");
  silent(world.said.join("\n"), "lines");
});

it("says nothing of the server's own where something went wrong there", () => {
  const path = "/srv/data of ours/tidemark/versions/00000001/groups.parquet";
  const error = (code: "STORE_CORRUPT" | "LOG_FAILED" | "STORE_MISSING", message: string) =>
    problemOf(new TidemarkError(code, message, "look after the disk")).detail;
  for (const text of [
    error("LOG_FAILED", "the embedded log at /var/lib/secret-place/log failed in the middle of a commit: EIO"),
    error(
      "STORE_CORRUPT",
      'IO Error: can\'t read "/var/lib/secret-place/x.parquet" LINE 1: SELECT p0 FROM secret-place',
    ),
    error("STORE_MISSING", "ENOENT: no such file or directory, open '/var/secret-place/versions/1.json'"),
  ])
    expect(text).not.toContain("secret-place");
  expect(error("STORE_CORRUPT", "versions/00000001/groups.parquet has another hash: the file is damaged")).toContain(
    "versions/00000001/groups.parquet",
  );
  expect(problemOf(new Error(`EACCES: ${path}`)).detail).not.toContain("data");
});
