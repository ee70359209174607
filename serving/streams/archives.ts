/** The archives of the streams that are read now: each is read once for all readers, since it may have many files. */
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Log } from "../../shared/log/log.ts";
import { equals, type Position, places } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import { ArchivedEvents } from "./archived-events.ts";

/** One that is not asked for this long is forgotten. */
const idleMs = 30_000;

/** What is known of a stream's archive. */
interface Known {
  archived: ArchivedEvents | null;
  /** A reading that is under way, and one that begins after it. */
  running: Promise<ArchivedEvents> | null;
  queued: Promise<ArchivedEvents> | null;
  readonly idle: NodeJS.Timeout;
}

export class Archives {
  readonly #store: Store;
  readonly #log: Log;
  readonly #streams = new Map<string, Known>();

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** As it was read last; null: it was not read lately. @param origin of all partitions that the stream has */
  known(stream: StreamDefinition, origin: Position): ArchivedEvents | null {
    const known = this.#streams.get(stream.name);
    const archived = known?.archived;
    if (!archived || archived.stream !== stream || !isSame(archived.origin, origin)) return null;
    known.idle.refresh();
    return archived;
  }

  /** As it is now, or later. @throws STORE_GAP, STORE_CORRUPT */
  read(stream: StreamDefinition, origin: Position): Promise<ArchivedEvents> {
    const known = this.#of(stream.name);
    known.idle.refresh();
    const before = known.running;
    known.queued ??= (async () => {
      await before?.catch(() => undefined);
      known.queued = null;
      known.running = ArchivedEvents.open(this.#store, this.#log, stream, origin);
      try {
        known.archived = await known.running;
        return known.archived;
      } finally {
        known.running = null;
      }
    })();
    return known.queued;
  }

  close(): void {
    for (const { idle } of this.#streams.values()) clearTimeout(idle);
    this.#streams.clear();
  }

  #of(name: string): Known {
    const known = this.#streams.get(name);
    if (known) return known;
    const idle = setTimeout(() => this.#streams.delete(name), idleMs).unref();
    const made: Known = { archived: null, running: null, queued: null, idle };
    this.#streams.set(name, made);
    return made;
  }
}

function isSame(a: Position, b: Position): boolean {
  return equals(a, b) && places(a).length === places(b).length;
}
