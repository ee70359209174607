import { expect, it } from "vitest";
import { wholeMessages } from "../../shared/log/kafka-socket.ts";
import { seededNumbers } from "../views/seeded.ts";

const message = (size: number, fill: number) => {
  const bytes = Buffer.alloc(4 + size, fill);
  bytes.writeInt32BE(size);
  return bytes;
};

it("passes on whole messages, however they come, and nothing of one that breaks off", () => {
  const random = seededNumbers(Number(process.env.SEED || 1));
  const int = (below: number) => Math.floor(random() * below);
  for (let run = 0; run < 200; run++) {
    const sent = Array.from({ length: 1 + int(6) }, (_, i) => message(int(3) === 0 ? 0 : int(300), i));
    const broken = message(10 + int(50), 255).subarray(0, 1 + int(12));
    const bytes = Buffer.concat([...sent, broken]);
    const found: Buffer[] = [];
    const listener = wholeMessages(
      (each) => found.push(Buffer.from(each)),
      (error) => expect.fail(error.message),
    );
    for (let at = 0; at < bytes.length; ) {
      const upto = at + 1 + int(random() < 0.5 ? 5 : 400);
      listener(bytes.subarray(at, upto));
      at = upto;
    }
    expect(found.map(String)).toEqual(sent.map(String));
  }
});

it("refuses what can't be a message", () => {
  const refused: string[] = [];
  wholeMessages(
    () => expect.fail("that is none"),
    (error) => refused.push(error.message),
  )(Buffer.from("ffffffff00", "hex"));
  expect(refused).toEqual(["the answer is not Kafka's protocol"]);
});
