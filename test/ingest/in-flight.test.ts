/** Bodies under way take a bounded share of memory: later requests are asked to wait, and let in once there is room. */
import { connect, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InFlight } from "../../ingest/http/in-flight.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { asker } from "../serving/asker.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";

const mega = 1 << 20;
const megabyte = Buffer.alloc(mega, " ");

describe("bytes under way", () => {
  /** A body of which this many megabytes have arrived, being read. */
  const begun = (underWay: InFlight, megabytes: number) => {
    const payload = new PassThrough();
    const { body } = underWay.body(payload);
    body.resume();
    for (let i = 0; i < megabytes; i++) payload.write(megabyte);
    return { payload, body };
  };
  const admitted = (underWay: InFlight) => {
    try {
      underWay.admit();
      return true;
    } catch {
      return false;
    }
  };

  it("are those that have come in, until the body is in or its client has gone", async () => {
    for (const end of ["in", "gone"]) {
      const underWay = new InFlight();
      const { payload } = begun(underWay, 32);
      await until(() => !admitted(underWay));
      if (end === "in") payload.end();
      else payload.destroy();
      await until(() => admitted(underWay));
    }
  });

  it("are those of a body that is being worked on", async () => {
    const underWay = new InFlight();
    let over = () => {};
    const work = underWay.during(asker(), 32 * mega, () => new Promise<void>((resolve) => (over = resolve)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(admitted(underWay)).toBe(false);
    over();
    await work;
    expect(admitted(underWay)).toBe(true);
    await expect(underWay.during(asker(), 32 * mega, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(admitted(underWay)).toBe(true);
  });

  it("are worked on a few at a time, in order", async () => {
    const underWay = new InFlight();
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const who = asker();
    const work = [5, 5, 1, 20, 1].map((megabytes, i) =>
      underWay.during(who, megabytes * mega, () => {
        begun.push(i);
        return new Promise<void>((resolve) => (ends[i] = resolve));
      }),
    );
    const expected = [[0], [0, 1, 2], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]];
    for (const [i, each] of expected.entries()) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(begun).toEqual(each);
      ends[i]!();
    }
    await Promise.all(work);
    expect(admitted(underWay)).toBe(true);
  });

  it("are limited, however many bodies were let in at once", async () => {
    const underWay = new InFlight();
    const held = begun(underWay, 127);
    await until(() => !admitted(underWay));
    const refused = begun(underWay, 2);
    await expect(finished(refused.body)).rejects.toMatchObject({ code: "INGEST_BUSY" });
    held.payload.end();
    await until(() => admitted(underWay));
  });
});

describe("POST /v1/streams/{stream}/events, while much is under way", () => {
  let world: World;
  let api: Api;
  let port: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    world = await World.open({
      stream: stream("events", { x: "BIGINT" }),
      views: { n: "SELECT count(*) AS n FROM events" },
    });
    await world.firstVersion();
    api = await openApi(world);
    port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await api.close();
    await world.close();
  });

  const post = () =>
    fetch(`http://127.0.0.1:${port}/v1/streams/events/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"x":1}',
    });

  it("answers 429 with Retry-After, and 200 once the others have gone", async () => {
    for (let client = 0; client < 3; client++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      socket.write(
        `POST /v1/streams/events/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${12 * mega}\r\n\r\n`,
      );
      for (let i = 0; i < 11; i++) socket.write(megabyte);
    }
    let refused: Response | undefined;
    await until(async () => {
      const response = await post();
      if (response.status === 429) refused = response;
      return refused !== undefined;
    });
    expect(refused!.headers.get("retry-after")).toBe("1");
    expect(await refused!.json()).toMatchObject({ code: "INGEST_BUSY" });
    for (const socket of sockets) socket.destroy();
    await until(async () => (await post()).status === 200);
  });

  const open = async () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    sockets.push(socket);
    let received = "";
    socket.on("data", (data: Buffer) => (received += data.toString()));
    return { socket, received: () => received };
  };
  const head = (...headers: string[]) =>
    ["POST /v1/streams/events/events HTTP/1.1", "Host: 127.0.0.1", ...headers, "", ""].join("\r\n");

  it("counts no body any more whose request is over, read or not", async () => {
    // too large in the middle: 17 MB each, the rest of which is not read
    for (let client = 0; client < 3; client++) {
      const { socket, received } = await open();
      socket.write(head("Content-Type: application/json", "Transfer-Encoding: chunked"));
      for (let i = 0; i < 18; i++) {
        socket.write(`${mega.toString(16)}\r\n`);
        socket.write(megabyte);
        socket.write("\r\n");
      }
      await until(() => received().startsWith("HTTP/1.1 413 "));
      socket.destroy();
    }
    // of a form that is not taken: what lies in buffers
    await Promise.all(
      Array.from({ length: 400 }, async () => {
        const response = await fetch(`http://127.0.0.1:${port}/v1/streams/events/events`, {
          method: "POST",
          headers: { "content-type": "image/png" },
          body: megabyte.subarray(0, 200_000),
        });
        expect(response.status).toBe(415);
      }),
    );
    await until(async () => (await post()).status === 200);
  });

  it("reads over a body that it did not want, to the connection's next request", async () => {
    const { socket, received } = await open();
    socket.write(head("Content-Type: image/png", `Content-Length: ${mega}`, "Connection: keep-alive"));
    socket.write(megabyte);
    const closes = new Promise((resolve) => socket.once("close", resolve));
    socket.write(head("Content-Type: application/json", "Content-Length: 7"));
    socket.write('{"x":1}');
    await Promise.race([closes, until(() => received().includes("HTTP/1.1 200 "))]);
    expect(received()).toMatch(/^HTTP\/1\.1 415 /);
  });
});
