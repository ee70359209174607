/** The process that runs SQL from clients, one query at a time, until its parent exits or kills it. */
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { lowerPriority } from "../background-process.ts";
import { type Ask, answerPipe, type ChildReply, failureFrom } from "./protocol.ts";
import { Sandbox } from "./sandbox.ts";

lowerPriority();
const answers = createWriteStream("", { fd: answerPipe });
const sandbox = await Sandbox.open();
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
lines.on("line", (line) => void answer(JSON.parse(line) as Ask));
reply({ bytes: 0, rows: 0 });

async function answer(ask: Ask): Promise<void> {
  try {
    const { body, rows } = await sandbox.answer(ask);
    reply({ bytes: body.length, rows });
    if (body.length > 0) answers.write(body);
  } catch (error) {
    const known = error instanceof TidemarkError ? error : new TidemarkError("QUERY_FAILED", messageOf(error));
    reply(failureFrom(known));
  }
}

function reply(head: ChildReply): void {
  answers.write(`${JSON.stringify(head)}\n`);
}
