/** Keys that are added and revoked by many processes at once: each change that was said to be made is there. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { scratch, tidemark } from "./tidemark.ts";

const rounds = Number(process.env.KEYS_ROUNDS || 2);

it("loses no addition and no revocation, also beside processes that are killed", { timeout: 180_000 }, async () => {
  const dir = scratch();
  expect((await tidemark("init", dir)).code).toBe(0);
  const keys = (...args: string[]) => tidemark("keys", ...args, "--project", dir);
  const names = () =>
    (JSON.parse(readFileSync(join(dir, "keys.json"), "utf8")) as { keys: { name: string }[] }).keys.map(
      ({ name }) => name,
    );
  let made = 0;
  for (let round = 0; round < rounds; round++) {
    expect((await keys("add", `victim${round}`)).code).toBe(0);
    const killed = spawn(process.execPath, [
      fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url)),
      "keys",
      "add",
      `killed${round}`,
      "--project",
      dir,
    ]);
    const runs = [keys("revoke", `victim${round}`), ...[0, 1, 2, 3].map((i) => keys("add", `n${round}${i}`))];
    setTimeout(() => killed.kill("SIGKILL"), 300 + 150 * round);
    for (const { code, err } of await Promise.all(runs)) expect(code, err).toBe(0);
    made += runs.length;
    expect(names()).not.toContain(`victim${round}`);
    for (const i of [0, 1, 2, 3]) expect(names()).toContain(`n${round}${i}`);
  }
  expect(statSync(join(dir, "keys.json")).mode & 0o777).toBe(0o600);
  expect((await keys("add", "n00")).err).toMatch(/there is already a key called "n00"/);
  // through a link it is the file that changes, and a link to nowhere is no file
  mkdirSync(join(dir, "secrets"));
  renameSync(join(dir, "keys.json"), join(dir, "secrets", "own.json"));
  symlinkSync(join(dir, "secrets", "own.json"), join(dir, "keys.json"));
  expect((await keys("add", "linked")).code).toBe(0);
  expect(readFileSync(join(dir, "secrets", "own.json"), "utf8")).toContain("linked");
  renameSync(join(dir, "secrets", "own.json"), join(dir, "secrets", "gone.json"));
  const none = await keys("add", "nowhere");
  expect(none.code).toBe(2);
  expect(none.err).toMatch(/keys.json: it is a link to a file that does not exist/);
  expect(existsSync(join(dir, "secrets", "own.json"))).toBe(false);
  writeFileSync(join(dir, "secrets", "own.json"), "{");
  expect((await keys("revoke", "linked")).err).toMatch(/keys.json: it is not JSON/);
  process.stdout.write(`keys: N=${made} changes by as many processes at once in ${rounds} rounds, none lost\n`);
});
