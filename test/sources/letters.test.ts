/** What was committed to an outbox and is no event is kept, counted and listed, each once. */
import { expect, it } from "vitest";
import { openLog } from "../../shared/log/open.ts";
import { countLetters, keepLetters, keptLetters } from "../../sources/letters.ts";
import { tidemarkHere as tidemark } from "../cli/in-process.ts";
import { configText, folder } from "../project/project-folder.ts";

const letter = (n: number) => ({ lsn: "0/2A", n, reason: "id: an event needs one", row: `{"payload":{"n":${n}}}` });

const shop = { postgres: "env:SHOP" };

it("lists them without what was committed, unless that is wanted", async () => {
  const project = folder({
    "tidemark.config.js": configText({
      name: "p",
      sources: {
        shop: { ...shop, outbox: { table: "public.outbox" } },
        other: shop,
        own: { ...shop, outbox: { messages: "m" } },
      },
      streams: { s: { fields: { n: "BIGINT" } } },
    }),
  });
  const log = await openLog({ data: `${project}/.tidemark` });
  await keepLetters(log, "p", "shop", []);
  await keepLetters(log, "p", "shop", [letter(1), letter(2)]);
  // after a crash in between they come again
  await keepLetters(log, "p", "shop", [letter(2), { ...letter(2), row: '{"payload":1}' }]);
  await keepLetters(log, "p", "own", [letter(9)]);
  expect([await countLetters(log, "p", "shop"), await countLetters(log, "p", "other")]).toEqual([3, 0]);
  for await (const { source, at } of keptLetters(log, "p", "own"))
    expect([source, Date.now() - Date.parse(at) < 60_000]).toEqual(["own", true]);
  await log.close();
  const listed = async (...args: string[]) => tidemark("sources", "letters", ...args, "--project", project);
  const lines = (text: string) => text.trimEnd().split("\n");
  expect(lines(await listed())).toHaveLength(4);
  expect(lines(await listed("shop"))[0]).toMatch(/^20\S+Z shop 0\/2A \(1\): id: an event needs one$/);
  expect(await listed("shop", "--values")).toMatch(
    /^20\S+Z shop 0\/2A \(1\): id: an event needs one: {"payload":{"n":1}}\n/,
  );
  expect(await listed("other")).toBe("");
  const { at: _at, ...json } = JSON.parse(lines(await listed("shop", "--json"))[0]!);
  expect(json).toEqual({ source: "shop", lsn: "0/2A", n: 1, reason: letter(1).reason, bytes: letter(1).row.length });
  expect(JSON.parse(lines(await listed("shop", "--json", "--values"))[2]!)).toMatchObject({ row: '{"payload":1}' });
  await expect(listed("nowhere")).rejects.toThrow('there is no source "nowhere"');
});
