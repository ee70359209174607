export default {
  name: "kept",
  streams: {
    orders: {
      fields: { id: "VARCHAR", shop: "VARCHAR", cents: "BIGINT", at: "TIMESTAMP" },
      id: "id",
      dedup: "1 hour",
      key: "id",
      partitions: 2,
    },
  },
};
