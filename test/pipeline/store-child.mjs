/** Another process at the same store: `store-child.mjs <what> <data>`. It says on standard output how it ended. */
import { Decoder } from "../../dist/shared/decode/decode.js";
import { Duck } from "../../dist/shared/duckdb/duck.js";
import { ArrayBatch } from "../../dist/shared/log/batch.js";
import { EmbeddedLog } from "../../dist/shared/log/embedded.js";
import { realDisk } from "../../dist/shared/store/disk.js";
import { FolderStore } from "../../dist/shared/store/folder.js";
import { ensureVersion } from "../../dist/shared/store/origin.js";
import { newestVersion } from "../../dist/shared/store/versions.js";
import { Generation } from "../../dist/speed/generation.js";

const [what, data] = process.argv.slice(2);
const fields = [{ name: "g", type: "VARCHAR", nullable: false }];
const nothing = { key: null, time: null, id: null, dedupMs: null, upcast: null };
const events = { name: "events", topic: "events", existing: false, fields, partitions: 2, ...nothing };

/** First contact, when its standard input is closed: all come at once. */
async function contact() {
  const store = await FolderStore.open(data);
  const log = new EmbeddedLog(`${data}/log`);
  const made = { references: [], views: [], timezone: "UTC", duckdb: "test", shards: 1 };
  const definition = { project: `process ${process.pid}`, streams: [events], ...made };
  process.stdout.write("ready\n");
  await new Promise((resolve) => process.stdin.on("end", resolve).resume());
  const version = await ensureVersion(store, log, async () => definition);
  await log.close();
  return `${version.number} ${version.definition.project}`;
}

/** A generation, stopped by the system just before its folder is made. */
async function generation() {
  const makeFolder = async (path, mode) => {
    if (path.endsWith("/0/000001")) process.kill(process.pid, "SIGSTOP");
    return realDisk.makeFolder(path, mode);
  };
  const store = await FolderStore.open(data, { disk: { ...realDisk, makeFolder } });
  try {
    const made = await Generation.create(store, await newestVersion(store), 0);
    await made.commit([], Date.now());
    return `wrote ${made.number}`;
  } catch (error) {
    if (error.code !== "SPEED_FENCED") throw error;
    return error.line;
  }
}

/** Decodes without end, with a spill and a pin beside it. */
async function decode() {
  const store = await FolderStore.open(data);
  await store.createIfAbsent(`pins/${store.newRun()}/file`, "rows");
  await realDisk.write(store.scratch("spill"), "rows");
  const duck = await Duck.open({ threads: 1 });
  const decoder = new Decoder(await duck.session(), events);
  const value = Buffer.from(JSON.stringify({ g: "MY-MARK".repeat(1000) }));
  const records = Array.from({ length: 500 }, (_, offset) => ({ offset, timestamp: 0, key: null, value }));
  for (let i = 0; ; i++) {
    await (await decoder.decode([new ArrayBatch(0, 0, records.length, records)])).close();
    if (i === 0) process.stdout.write(`decoding ${store.owner}\n`);
  }
}

const work = { contact, generation, decode };
process.stdout.write(`${await work[what]()}\n`);
process.exit(0);
