/** Messages that a server sent (messages.hex: PostgreSQL 15.18). pgoutput.slow.test.ts sees that it still does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lsnOf, lsnText } from "../../../sources/postgres/lsn.ts";
import { PgOutputDecoder } from "../../../sources/postgres/pgoutput.ts";
import { expectedMessages, shownMessages } from "./every-message.ts";

const captured = readFileSync(join(import.meta.dirname, "messages.hex"), "utf8")
  .trimEnd()
  .split("\n");

describe("messages of pgoutput", () => {
  it("of every kind", () => {
    expect(shownMessages(captured)).toEqual(expectedMessages);
  });

  it("whatever is before them in the buffer", () => {
    const decoder = new PgOutputDecoder();
    const all = Buffer.from(captured.join(""), "hex");
    let start = 0;
    for (const hex of captured) {
      const bytes = Buffer.from(hex, "hex");
      const alone = new PgOutputDecoder().decode(bytes, 0, bytes.length);
      expect(decoder.decode(all, start, start + bytes.length)).toEqual(alone);
      start += bytes.length;
    }
  });

  it("with LSNs, times and numbers of transactions", () => {
    const decoder = new PgOutputDecoder();
    const decoded = captured.map((hex) => decoder.decode(Buffer.from(hex, "hex"), 0, hex.length / 2));
    const [begin, commit] = [decoded[0]!, decoded.find(({ is }) => is === "commit")!];
    expect(begin).toEqual({ is: "begin", commitLsn: 22229976n, committedMicros: 1796095602657161n, xid: 731 });
    const endLsn = 22230024n;
    expect(commit).toEqual({ is: "commit", commitLsn: 22229976n, endLsn, committedMicros: 1796095602657161n });
  });

  it("texts of every length, with and without other characters than ASCII", () => {
    const decoder = new PgOutputDecoder();
    for (const character of ["x", "é", "🎈"]) {
      for (const length of [0, 1, 24, 47, 48, 49, 200, 10_000]) {
        const texts = [character.repeat(length), "tail", character];
        const values = texts.map((text) => {
          const bytes = Buffer.from(text);
          const head = Buffer.alloc(5);
          head.write("t");
          head.writeUInt32BE(bytes.length, 1);
          return Buffer.concat([head, bytes]);
        });
        const message = Buffer.concat([Buffer.from([0x49, 0, 0, 0, 7, 0x4e, 0, 3]), ...values]);
        expect(decoder.decode(message, 0, message.length)).toEqual({ is: "insert", oid: 7, after: texts });
      }
    }
  });

  it("of no known kind are refused", () => {
    expect(() => new PgOutputDecoder().decode(Buffer.from("S...."), 0, 5)).toThrow("pgoutput: a message of kind 83");
  });
});

it.each([
  ["0/0", 0n],
  ["0/1A2B", 0x1a2bn],
  ["16/B374D848", 0x16b374d848n],
  ["FFFFFFFF/FFFFFFFF", 2n ** 64n - 1n],
])("LSN %s", (text, lsn) => {
  expect(lsnOf(text)).toBe(lsn);
  expect(lsnText(lsn)).toBe(text);
});

it.each(["", "1A2B", "0/", "0/123456789", "0/1A2G"])("no LSN: %s", (text) => {
  expect(() => lsnOf(text)).toThrow("not an LSN");
});
