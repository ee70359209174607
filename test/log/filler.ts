import { isCode } from "../../shared/errors.ts";
import { EmbeddedLog } from "../../shared/log/embedded.ts";

/** Appends until the log refuses, then reads it back: `filler.ts <folder>`. Prints what happened as JSON. */
let unhandled = 0;
process.on("unhandledRejection", () => {
  unhandled++;
});
const log = new EmbeddedLog(process.argv[3]!);
const stream = { name: "full", topic: "full", existing: false, partitions: 1 };
await log.ensure(stream);
let code = "none";
for (let i = 0; i < 500 && code === "none"; i++) {
  await log.append(stream, [{ partition: 0, key: null, value: Buffer.alloc(20_000, "x") }]).catch((error: unknown) => {
    code = isCode(error, "LOG_APPEND") ? error.code : String(error);
  });
}
await new Promise((resolve) => setTimeout(resolve, 100));
const end = (await log.end(stream))[0]!;
const reader = await log.read(stream, new Map([[0, 0]]));
let read = 0;
for (let more = true; more; ) {
  const batches = await reader.next(1 << 20, 0);
  more = batches.length > 0;
  for (const batch of batches) read += batch.records().length;
}
await reader.close();
process.stdout.write(JSON.stringify({ end, code, read, unhandled }));
process.exit(0);
