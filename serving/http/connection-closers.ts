/**
 * Closes every response when its connection is closed. Node only closes the one that is being sent:
 * responses to pipelined requests behind it would wait forever, with everything that they hold.
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
      // after Node has closed the one that is being sent
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
 * Resets a connection, so that its client can't take a part for the whole body: in HTTP/1.0, a plain
 * end marks the body as complete. `resetAndDestroy` would send pending bytes first, and then end
 * plainly.
 */
export function destroySocket(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
