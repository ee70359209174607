/**
 * Tells every response that its connection is closed. Node tells only the one that is being sent:
 * those of requests that were sent ahead of it (pipelined) would wait for ever, with all that they
 * hold.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

export class ConnectionClosers {
  readonly #open = new WeakMap<Socket, Set<ServerResponse>>();

  /** @returns how many of its connection's requests are not answered yet, with this one */
  note(socket: Socket, response: ServerResponse): number {
    const open = this.#open.get(socket) ?? this.#watch(socket);
    open.add(response);
    response.once("close", () => open.delete(response));
    return open.size;
  }

  #watch(socket: Socket): Set<ServerResponse> {
    const open = new Set<ServerResponse>();
    this.#open.set(socket, open);
    socket.once("close", () =>
      // after Node has told whom it tells
      setImmediate(() => {
        for (const response of open) {
          response.destroy();
          response.emit("close");
        }
      }),
    );
    return open;
  }
}

/**
 * Ends a connection so that its client can't take what it has for the whole: to HTTP/1.0, a plain
 * end says that. `resetAndDestroy` would send what is waiting first, and then end plainly.
 */
export function destroySocket(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
