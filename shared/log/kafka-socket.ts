/**
 * Sockets that give kafkajs whole messages only. Its connection keeps the beginning of a message that broke off
 * and reads the next connection's bytes as the rest of it (2.2.4): requests are then never answered, or the
 * process ends on an exception.
 */
import net from "node:net";
import tls from "node:tls";
import type { ISocketFactory } from "kafkajs";

/** kafkajs's own. */
const keepAliveMs = 60_000;
const sizeBytes = 4;

export const connectWhole: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const servername = net.isIP(host) ? {} : { servername: host };
  const socket = ssl
    ? tls.connect({ host, port, ...servername, ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setKeepAlive(true, keepAliveMs);
  const on = socket.on.bind(socket) as (event: string, listener: (...args: never[]) => void) => net.Socket;
  const onWhole = (event: string, listener: (...args: never[]) => void) =>
    on(
      event,
      event === "data"
        ? wholeMessages(listener as (bytes: Buffer) => void, (error) => socket.destroy(error))
        : listener,
    );
  socket.on = onWhole as typeof socket.on;
  return socket;
};

/** A listener for bytes as they come, that passes on messages, each with its size before it. */
export function wholeMessages(
  take: (message: Buffer) => void,
  refuse: (error: Error) => void,
): (bytes: Buffer) => void {
  let held: Buffer[] = [];
  let length = 0;
  let needed = sizeBytes;
  return (bytes) => {
    held.push(bytes);
    length += bytes.length;
    while (length >= needed) {
      const all = held.length === 1 ? held[0]! : Buffer.concat(held, length);
      held = [all];
      const size = all.readInt32BE(0);
      if (size < 0) {
        refuse(new Error("the answer is not Kafka's protocol"));
        return;
      }
      needed = sizeBytes + size;
      if (length < needed) return;
      const rest = all.subarray(needed);
      take(all.subarray(0, needed));
      held = rest.length > 0 ? [rest] : [];
      length = rest.length;
      needed = sizeBytes;
    }
  };
}
