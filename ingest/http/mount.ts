/** Events over HTTP, for a server to mount. */
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Mount } from "../../shared/http/mount.ts";
import type { Log } from "../../shared/log/log.ts";
import { originOf } from "../../shared/store/origin.ts";
import type { Store } from "../../shared/store/store.ts";
import { Requests } from "../requests.ts";
import { Ingest } from "./ingest.ts";
import { streamRoutes } from "./routes.ts";

export function ingestMount(store: Store, log: Log): Mount {
  return ({ project, streams, positions, lend, signal }) => {
    const requests = new Requests(log, project, store.scratch("requests"), signal);
    const partitionsOf = async (stream: StreamDefinition) => (await originOf(store, log, stream)).partitions;
    const ingest = new Ingest({ log, project, requests, positions, lend, signal, partitionsOf });
    return { routes: (scope) => streamRoutes(scope, { streams, ingest }), close: () => requests.close() };
  };
}
