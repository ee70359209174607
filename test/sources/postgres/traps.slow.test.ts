/**
 * What a server does without a word in the stream of changes, each on a real server: found while the stream runs and
 * after a restart, and mended by what the finding says, so that the rows are the table's in the end.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../demo/postgres/server.ts";
import type { FindingKind } from "../../../sources/postgres/checks.ts";
import { inspect } from "../../../sources/postgres/inspect.ts";
import { publishTables } from "../../../sources/postgres/publication.ts";
import { PostgresSource, type PostgresSourceOptions } from "../../../sources/postgres/source.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";
import { connectTo } from "../../../sources/postgres/target.ts";
import { skipsPostgres } from "../../support/postgres.ts";
import { someOf } from "../../support/share.ts";
import { Replica } from "./replica.ts";

const items: SourceTable = {
  table: "public.items",
  key: ["id"],
  row: [
    { name: "id", type: "BIGINT", nullable: false },
    { name: "note", type: "VARCHAR", nullable: true },
    { name: "mood", type: "VARCHAR", nullable: true },
  ],
};
const parts: SourceTable = { ...items, table: "public.parts" };

const setup = `
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE TABLE items (id bigint PRIMARY KEY, note text, mood mood);
  CREATE TABLE parts (LIKE items INCLUDING ALL) PARTITION BY RANGE (id);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
  INSERT INTO items SELECT i, 'a' || i, 'glad' FROM generate_series(1, 50) i;
  INSERT INTO parts SELECT i, 'a' || i, 'glad' FROM generate_series(1, 50) i;
  CREATE PUBLICATION shop FOR TABLE items, parts WITH (publish_via_partition_root = true);`;
const teardown = `
  SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
  SELECT pg_sleep(0.3);
  SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
  DROP PUBLICATION IF EXISTS shop; DROP TABLE IF EXISTS items, parts, aside; DROP TYPE mood;`;

describe.skipIf(skipsPostgres("what PostgreSQL does silently, on a real server"))("what a server does silently", () => {
  let server: PostgresServer;
  let options: PostgresSourceOptions;
  let replica: Replica;
  let marks = 0;
  beforeAll(async () => {
    server = await startPostgres({
      settings: { wal_sender_timeout: "3s", min_wal_size: "32MB", max_wal_size: "64MB" },
    });
  });
  afterAll(async () => server?.stop());
  beforeEach(async () => {
    await server.sql(setup);
    options = {
      source: "shop",
      url: server.url,
      slot: "shop",
      publications: ["shop"],
      tables: [items, parts],
      messages: ["end"],
      heartbeatMs: 300,
      pollMs: 300,
      now: Date.now,
    };
    replica = new Replica(options);
    await caughtUp();
    expect(replica.found).toEqual([]);
  });
  afterEach(async () => server.sql(teardown));

  /** Streams until all that is committed now has come. */
  async function caughtUp(): Promise<void> {
    const mark = `mark ${++marks}`;
    await replica.run(async (_, piece) => {
      if (piece?.messages.some(({ content }) => content.toString() === mark)) return true;
      // once more where one came before a snapshot
      await server.sql(`SELECT pg_logical_emit_message(true, 'end', '${mark}')`);
      return false;
    });
  }

  async function expectEqual(): Promise<void> {
    for (const { table } of [items, parts]) {
      const rows = await server.sql(`SELECT json_build_array(id::text, note, mood) FROM ${table} ORDER BY id`);
      const expected = rows
        .trimEnd()
        .split("\n")
        .filter(Boolean)
        .map((line) => {
          const [id, ...texts] = JSON.parse(line) as (string | null)[];
          return [id, ...texts.map((text) => JSON.stringify(text))];
        });
      const own = [...replica.rows.get(table)!.values()].map((row) => [...row]);
      expect([table, own.sort((a, b) => Number(a[0]) - Number(b[0]))]).toEqual([table, expected]);
    }
  }

  const unseen = `UPDATE items SET note = 'unseen' WHERE id % 3 = 0;
      DELETE FROM items WHERE id % 7 = 0;
      INSERT INTO items VALUES (900, 'new', 'sad');`;
  const seen =
    "UPDATE items SET note = note || '!' WHERE id % 5 = 0; INSERT INTO items (id, note) VALUES (901, 'seen');";

  /** By what is done to the server; unseen: changes that do not come. */
  const traps: readonly (readonly [string, string, FindingKind])[] = [
    ["a slot dropped", `SELECT pg_drop_replication_slot('shop'); ${unseen}`, "slot-missing"],
    [
      "a slot dropped and created again",
      `SELECT pg_drop_replication_slot('shop');
        ${unseen} SELECT pg_create_logical_replication_slot('shop', 'pgoutput');`,
      "slot-advanced",
    ],
    [
      "a slot advanced by another",
      `${unseen} SELECT pg_replication_slot_advance('shop', pg_current_wal_lsn());`,
      "slot-advanced",
    ],
    [
      "a publication dropped and created again",
      `DROP PUBLICATION shop;
        ${unseen} CREATE PUBLICATION shop FOR TABLE items, parts WITH (publish_via_partition_root = true);`,
      "publication-recreated",
    ],
    [
      "a publication without updates for a while",
      `ALTER PUBLICATION shop SET (publish = 'insert');
        ${unseen} ALTER PUBLICATION shop SET (publish = 'insert, update, delete, truncate');`,
      "publication-changed",
    ],
    [
      "a table out of the publication for a while",
      `ALTER PUBLICATION shop DROP TABLE items; ${unseen} ALTER PUBLICATION shop ADD TABLE items;`,
      "table-republished",
    ],
    [
      "a table dropped and created again",
      `DROP TABLE items;
        CREATE TABLE items (id bigint PRIMARY KEY, note text, mood mood);
        INSERT INTO items VALUES (1, 'other', NULL);
        ALTER PUBLICATION shop ADD TABLE items;`,
      "table-recreated",
    ],
    ["a table rewritten", "ALTER TABLE items ALTER note TYPE text USING upper(note);", "table-rewritten"],
    [
      "a column dropped and added with a default",
      "ALTER TABLE items DROP COLUMN note; ALTER TABLE items ADD COLUMN note text DEFAULT 'same';",
      "table-changed",
    ],
    [
      "columns renamed",
      `ALTER TABLE items ADD COLUMN other text DEFAULT 'other';
        ALTER TABLE items RENAME note TO old;
        ALTER TABLE items RENAME other TO note;`,
      "table-changed",
    ],
    [
      "a value of an enum renamed, and renamed back",
      `ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'; INSERT INTO items VALUES (902, 'between', 'happy');
        ALTER TYPE mood RENAME VALUE 'happy' TO 'glad';`,
      "table-changed",
    ],
    [
      "a table renamed, and renamed back",
      `ALTER TABLE items RENAME TO aside; UPDATE aside SET note = 'unseen' WHERE id % 3 = 0;
        ALTER TABLE aside RENAME TO items;`,
      "table-recreated",
    ],
    ["a value of an enum renamed", "ALTER TYPE mood RENAME VALUE 'glad' TO 'happy';", "table-changed"],
    [
      "a partition attached",
      `CREATE TABLE aside (LIKE parts INCLUDING ALL);
        INSERT INTO aside VALUES (2001, 'aside', NULL);
        ALTER TABLE parts ATTACH PARTITION aside FOR VALUES FROM (2000) TO (3000);`,
      "table-rewritten",
    ],
    [
      "a partition detached",
      `CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (2000) TO (3000);
        ALTER TABLE parts DETACH PARTITION parts_1;
        DROP TABLE parts_1;`,
      "table-rewritten",
    ],
  ];

  it.each(someOf(traps, 4))("%s, while it does not run", async (_, sql, kind) => {
    await server.sql(sql);
    await caughtUp();
    expect([...new Set(replica.found.map((each) => each.kind))]).toContain(kind);
    await server.sql(seen);
    await caughtUp();
    await expectEqual();
  });

  it.each(someOf(traps.slice(3), 4))("%s, while it runs", async (_, sql, kind) => {
    const begun = performance.now();
    let isDone = false;
    await replica.run(async () => {
      if (!isDone) await server.sql(sql);
      isDone = true;
      return replica.found.some((each) => each.kind === kind);
    });
    // polls of 5 s would find it within 10
    expect(performance.now() - begun).toBeLessThan(10_000);
    await server.sql(seen);
    await caughtUp();
    await expectEqual();
  });

  it("a slot whose WAL is gone", async () => {
    await server.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'");
    await server.sql("SELECT pg_reload_conf()");
    await server.sql(unseen);
    await server.sql("CREATE TABLE aside (t text)");
    for (let i = 0; i < 8; i++) {
      await server.sql(
        "INSERT INTO aside SELECT repeat('x', 1000) FROM generate_series(1, 16000); SELECT pg_switch_wal(); CHECKPOINT",
      );
    }
    await caughtUp();
    expect(replica.found.map(({ kind }) => kind)).toEqual(["slot-lost"]);
    await server.sql("ALTER SYSTEM RESET max_slot_wal_keep_size");
    await server.sql("SELECT pg_reload_conf()");
    await server.sql(seen);
    await caughtUp();
    await expectEqual();
  });

  it("a server restored from a copy", async () => {
    const copy = await server.copy();
    await server.sql(unseen);
    await caughtUp();
    await copy.restore();
    await server.sql(seen);
    await caughtUp();
    expect(replica.found.map(({ kind }) => kind)).toEqual(["server-restored"]);
    await expectEqual();
  });

  it("a server promoted", async () => {
    await server.promote();
    await server.sql(seen);
    await caughtUp();
    expect(replica.found.map(({ kind }) => kind)).toEqual(["server-promoted"]);
    await expectEqual();
  });

  it.each([
    ["no key", "ALTER TABLE items DROP CONSTRAINT items_pkey", "ADD PRIMARY KEY (id)"],
    ["replica identity NOTHING", "ALTER TABLE items REPLICA IDENTITY NOTHING", "REPLICA IDENTITY DEFAULT"],
    [
      "a key of other columns",
      "ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id, note)",
      "(id, note)",
    ],
    ["no publication", "DROP PUBLICATION shop", "CREATE PUBLICATION"],
    ["a table in no publication", "ALTER PUBLICATION shop DROP TABLE items", 'ALTER PUBLICATION "shop" ADD TABLE'],
    [
      "partitions by their own names",
      "ALTER PUBLICATION shop SET (publish_via_partition_root = false)",
      "publish_via_partition_root = true",
    ],
    ["truncates left out", "ALTER PUBLICATION shop SET (publish = 'insert, update, delete')", "truncate"],
    ["columns left out", "ALTER PUBLICATION shop SET TABLE items (id, note), parts", "SET TABLE"],
    ["a column of another type", "ALTER TABLE items ALTER id TYPE text", "declare the fields"],
    ["no table", "DROP TABLE items", "create it"],
  ])("refused, with what to do: %s", async (_, sql, todo) => {
    await server.sql(sql);
    await expect(caughtUp()).rejects.toThrow(todo);
  });

  it("rows that a filter leaves out are in neither the snapshot nor the changes", async () => {
    await server.sql("ALTER PUBLICATION shop SET TABLE items WHERE (id > 25), parts");
    await caughtUp();
    expect(replica.found.map(({ kind }) => kind)).toEqual(["table-republished"]);
    await server.sql("UPDATE items SET note = 'n'; INSERT INTO items VALUES (0, 'out', NULL), (99, 'in', NULL)");
    await caughtUp();
    const ids = [...replica.rows.get(items.table)!.keys()].map((key) => Number(JSON.parse(key)[0]));
    expect(ids.sort((a, b) => a - b)).toEqual([...Array.from({ length: 25 }, (_, i) => i + 26), 99]);
  });

  it("publishes tables, but not one without a key, whose UPDATE would fail", async () => {
    await server.sql("DROP PUBLICATION shop; ALTER TABLE items DROP CONSTRAINT items_pkey");
    const query = await connectTo(options);
    const evidence = async () => {
      const source = await PostgresSource.open(options);
      await source.close();
      return source.evidence;
    };
    await expect(publishTables(query, "shop", [items, parts], await evidence())).rejects.toMatchObject({
      code: "SOURCE_TABLE",
      message: expect.stringContaining("public.items: it has no primary key"),
    });
    expect(await server.sql("SELECT count(*) FROM pg_publication")).toBe("0\n");
    await server.sql("ALTER TABLE items ADD PRIMARY KEY (id)");
    await publishTables(query, "shop", [items], await evidence());
    expect(await publishTables(query, "shop", [items, parts], await evidence())).toEqual([
      'ALTER PUBLICATION "shop" ADD TABLE "public"."parts"',
    ]);
    expect(await publishTables(query, "shop", [items, parts], await evidence())).toEqual([]);
    await server.sql("UPDATE items SET note = 'still works'");
    await caughtUp();
    await expectEqual();
    await query.close();
  });

  it("inspects what there is", async () => {
    const query = await connectTo(options);
    const published = await inspect(query, ["shop"]);
    expect(published).toContain('from: "shop:public.items"');
    expect(published).toContain('mood: "VARCHAR?"');
    await server.sql("CREATE TABLE aside (id int)");
    expect(await inspect(query, ["shop"])).toBe(published);
    expect(await inspect(query, ["none"])).toContain("// public.aside: left out: it has no primary key");
    await query.close();
  });
});
