/** What is no address of a PostgreSQL is said to be none; no other server is asked instead. */
import { expect, test } from "vitest";
import { PostgresConnection } from "../../../shared/postgres/connection.ts";

const wrong = [
  "not a url",
  "localhost",
  "http://127.0.0.1:1/x",
  "redis://127.0.0.1:1",
  "postgres:/127.0.0.1",
  "/tmp x",
];

test.each(wrong)("%s", async (url) => {
  const failed: unknown = await PostgresConnection.open({ role: "source", name: "shop", url }).catch((error) => error);
  expect(failed).toMatchObject({ code: "DATABASE_SETTING", message: "source shop: the database's address is not one" });
});
