import { defineConfig } from "tidemark";

/** Three million US flights of the first half of 2001. */
export default defineConfig({
  name: "flights",
  streams: {
    flights: {
      fields: { date: "TIMESTAMP", delay: "BIGINT", distance: "BIGINT", origin: "VARCHAR", destination: "VARCHAR" },
      key: "origin",
      time: "date",
      partitions: 4,
    },
  },
  batch: { schedule: "0 2 * * *", archive: "*/5 * * * *", timezone: "UTC", keepVersions: 3, memoryLimit: "2GB" },
  speed: { flushMsMax: 200 },
  serve: { host: "127.0.0.1", port: 7070 },
});
