/** Whether a delta keeps up with the log, by samples of both positions. */
import type { StreamDefinition } from "../shared/definition.ts";
import { covers, ofStreams, type Position, places } from "../shared/position.ts";
import type { IncidentKind, Trouble } from "../shared/store/incidents.ts";

/** After this long, what was in the log must be in the delta, or the delta must be catching up. */
const patienceMs = 60_000;

interface Sample {
  readonly at: number;
  readonly position: Position;
  readonly end: Position;
}

type Troubles = Record<Extract<IncidentKind, "standing-still" | "falling-behind">, Map<string, Trouble>>;

export class DeltaProgress {
  #samples: Sample[] = [];

  /**
   * @param streams those that are read
   * @param end the part of the log's end that the delta is to reach
   * @returns what is wrong now, by stream
   */
  sample(at: number, streams: readonly StreamDefinition[], position: Position, end: Position): Troubles {
    const found: Troubles = { "standing-still": new Map(), "falling-behind": new Map() };
    this.#samples.push({ at, position, end });
    // the newest sample that is old enough; older ones are discarded
    const before = this.#samples.findLast((sample) => at - sample.at >= patienceMs);
    if (!before) return found;
    this.#samples = this.#samples.slice(this.#samples.indexOf(before));
    const seconds = Math.round((at - before.at) / 1000);
    for (const { name } of streams) {
      const [own, then, ends, thenEnds] = [position, before.position, end, before.end].map((each) =>
        ofStreams(each, [name]),
      );
      if (covers(own!, thenEnds!)) continue;
      // offsets have gaps, so these are estimates
      const waiting = distance(own!, ends!);
      const grown = waiting - distance(then!, thenEnds!);
      if (covers(then!, own!)) {
        found["standing-still"].set(name, {
          code: "SPEED_STANDING",
          message:
            `no record of stream ${name} has reached the answers for ${seconds} s while the log grew: ` +
            `about ${waiting} records are waiting; check this process's log, memory and disk`,
          streams: [name],
        });
      } else if (grown > 0) {
        found["falling-behind"].set(name, {
          code: "SPEED_BEHIND",
          message:
            `stream ${name} grows faster than it is read: about ${waiting} records are waiting, ${grown} more than ` +
            `${seconds} s ago; use more shards, fewer views, or a faster machine`,
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
