/** Whatever a client has asked for on a connection, all of it is let go when the connection ends. */
import { connect, createServer } from "node:net";
import { Readable } from "node:stream";
import Fastify from "fastify";
import { expect, it } from "vitest";
import { ConnectionClosers, destroySocket } from "../../serving/http/connection-closers.ts";
import { whenGone } from "../../shared/http/route.ts";
import { until } from "../support/until.ts";

it.each([
  ["/slow", "/rows"],
  ["/rows", "/rows"],
  ["/rows", "/slow", "/rows"],
])("requests sent ahead: %s, %s, %s", async (...paths) => {
  const app = Fastify();
  const endings = new ConnectionClosers();
  app.addHook("onRequest", async (request, reply) => endings.note(request.raw.socket, reply.raw));
  let [begun, held] = [0, 0];
  let go: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    go = resolve;
  });
  app.get("/slow", async () => {
    await slow;
    return "slow";
  });
  app.get("/rows", async (_request, reply) => {
    begun++;
    held++;
    let over = false;
    const letGo = () => {
      if (!over) held--;
      over = true;
    };
    let waiting = true;
    const body = (async function* () {
      waiting = false;
      if (over) return;
      try {
        for (let i = 0; i < 1000; i++) yield Buffer.alloc(1 << 16);
      } finally {
        letGo();
      }
    })();
    whenGone(reply, () => waiting && letGo());
    return reply.send(Readable.from(body));
  });
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.pause();
  socket.write(
    paths
      .filter(Boolean)
      .map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      .join(""),
  );
  await until(() => begun > 0);
  await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  await until(() => held === 0);
  go();
  await until(() => held === 0);
  await app.close();
});

it("what is broken off is no end", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("a,b\n1,", () => setTimeout(() => destroySocket(socket), 50));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  socket.resume();
  const code = await new Promise((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.once("end", () => resolve("end"));
  });
  expect(code).toBe("ECONNRESET");
  server.close();
});
