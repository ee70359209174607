/** Whether a delta keeps up with the log, by looks at both from time to time. */
import type { StreamDefinition } from "../shared/definition.ts";
import { covers, ofStreams, type Position, places } from "../shared/position.ts";
import type { IncidentKind, Trouble } from "../shared/store/incidents.ts";

/** What is in the log must be in the delta after so long, or the delta must be getting nearer. */
const patienceMs = 60_000;

interface Look {
  readonly at: number;
  readonly position: Position;
  readonly end: Position;
}

type Found = Record<Extract<IncidentKind, "standing-still" | "falling-behind">, Map<string, Trouble>>;

export class Progress {
  #looks: Look[] = [];

  /**
   * @param streams those that are read
   * @param end what of the log's end the delta is to reach
   * @returns what is wrong now, by stream
   */
  look(at: number, streams: readonly StreamDefinition[], position: Position, end: Position): Found {
    const found: Found = { "standing-still": new Map(), "falling-behind": new Map() };
    this.#looks.push({ at, position, end });
    // the newest one that is old enough, and none before it
    const before = this.#looks.findLast((look) => at - look.at >= patienceMs);
    if (!before) return found;
    this.#looks = this.#looks.slice(this.#looks.indexOf(before));
    const seconds = Math.round((at - before.at) / 1000);
    for (const { name } of streams) {
      const [own, then, ends, thenEnds] = [position, before.position, end, before.end].map((each) =>
        ofStreams(each, [name]),
      );
      if (covers(own!, thenEnds!)) continue;
      // offsets have gaps: about so many records
      const waiting = distance(own!, ends!);
      const grown = waiting - distance(then!, thenEnds!);
      if (covers(then!, own!)) {
        found["standing-still"].set(name, {
          code: "SPEED_STANDING",
          message: `nothing of stream ${name} has come into the answers for ${seconds} s, and the log goes on: about ${waiting} records wait; look at this process's log, memory and disk`,
          streams: [name],
        });
      } else if (grown > 0) {
        found["falling-behind"].set(name, {
          code: "SPEED_BEHIND",
          message: `stream ${name} grows faster than it is read: about ${waiting} records wait, ${grown} more than ${seconds} s ago; use more shards, fewer views, or a faster machine`,
          streams: [name],
        });
      }
    }
    return found;
  }
}

function distance(from: Position, upto: Position): number {
  return places(upto).reduce((sum, { stream, partition, offset }) => {
    return sum + Math.max(0, offset - (from[stream]?.[partition] ?? 0));
  }, 0);
}
