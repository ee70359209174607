import { defineConfig } from "tidemark";

/** A shop whose database is a PostgreSQL: its tables are followed, and its outbox has what happened. */
export default defineConfig({
  name: "shop",
  sources: {
    shop: {
      postgres: "env:SHOP_DATABASE_URL",
      heartbeat: "1 second",
      outbox: { table: "public.outbox", remove: true },
    },
  },
  streams: {
    customers: {
      kind: "changelog",
      from: "shop:public.customers",
      key: "id",
      fields: { id: "BIGINT", name: "VARCHAR", city: "VARCHAR?" },
    },
    products: {
      kind: "changelog",
      from: "shop:public.products",
      key: "sku",
      fields: {
        sku: "VARCHAR",
        name: "VARCHAR",
        description: "VARCHAR?",
        category: "VARCHAR",
        price: "DECIMAL(10,2)",
        stock: "INTEGER",
      },
    },
    orders: {
      kind: "changelog",
      from: "shop:public.orders",
      key: "id",
      fields: { id: "BIGINT", customer: "BIGINT", placed: "TIMESTAMP", cancelled: "TIMESTAMP?", status: "VARCHAR" },
    },
    // what the application commits to its outbox in the transaction of the order
    order_events: {
      fields: {
        id: "UUID",
        type: "VARCHAR",
        order: "BIGINT",
        happened: "TIMESTAMP",
        lines: "STRUCT(sku VARCHAR, category VARCHAR, quantity INTEGER, price DECIMAL(10,2))[]",
      },
      id: "id",
      time: "happened",
    },
  },
  // kept equal to the products by Tidemark: nothing else writes it
  consumers: {
    search: {
      from: "products",
      to: {
        postgres: "env:SEARCH_DATABASE_URL",
        table: "public.products_found",
        search: { of: ["name", "description"], language: "english" },
      },
    },
  },
  batch: { schedule: "0 2 * * *", archive: "*/5 * * * *", timezone: "UTC" },
  speed: { flushMsMax: 200 },
  serve: { host: "127.0.0.1", port: 7071 },
});
