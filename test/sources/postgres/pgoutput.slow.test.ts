/** The captured messages are what a server sends. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../demo/postgres/server.ts";
import { skipsPostgres } from "../../support/postgres.ts";
import { captureMessages, expectedMessages, shownMessages } from "./every-message.ts";

describe.skipIf(skipsPostgres("messages of pgoutput, of a real server"))("messages of a real server", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => server?.stop());

  it("are the ones that were captured", async () => {
    expect(shownMessages(await captureMessages(server))).toEqual(expectedMessages);
  });
});
