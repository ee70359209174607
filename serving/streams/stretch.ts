/** From what a reader asks for to the positions that it reads from and to. */
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Log } from "../../shared/log/log.ts";
import { offsetAt, ofStreams, type Position, places, positionOf, withAdded } from "../../shared/position.ts";
import { logStream } from "../../shared/store/origin.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { ReaderStretch } from "./stream-reader.ts";

/** Where the stream begins, and where its log ends now. */
const [earliest, latest] = ["earliest", "latest"] as const;

export interface AskedStretch {
  /** A position's text, `earliest` or `latest`. */
  readonly from: string;
  /** As `from`; null: there is no end. */
  readonly upto: string | null;
}

interface StretchSources {
  readonly log: Log;
  readonly positions: PositionTexts;
  /** Of the version that is served. */
  readonly origin: Position;
}

/** @throws USAGE, POSITION_GONE, LOG_UNREACHABLE */
export async function stretchOf(
  { log, positions, origin: served }: StretchSources,
  stream: StreamDefinition,
  asked: AskedStretch,
): Promise<ReaderStretch> {
  const { name } = stream;
  const ends = await log.end(logStream(stream));
  const end = positionOf(ends.map((offset, partition) => ({ stream: name, partition, offset })));
  const origin = withAdded(ofStreams(served, [name]), end);
  const read = async (text: string) => {
    if (text === earliest) return origin;
    if (text === latest) return end;
    const long = await positions.longOf(text);
    if (!long.split(";").some((part) => part.slice(0, part.lastIndexOf("@")) === name))
      throw new TidemarkError(
        "USAGE",
        `the position "${text.slice(0, 200)}" says nothing of stream "${name}"`,
        `write it as "${name}@partition:next,…", or ${earliest} or ${latest}`,
      );
    return positions.read(long, origin);
  };
  const from = await read(asked.from);
  const upto = asked.upto === null ? null : await read(asked.upto);
  for (const { partition, offset } of places(from)) {
    const [first, last] = [offsetAt(origin, name, partition)!, offsetAt(end, name, partition) ?? 0];
    if (offset < first)
      throw new TidemarkError(
        "POSITION_GONE",
        `stream "${name}" partition ${partition} is known from offset ${first} on, not from ${offset}`,
        `read it from ${earliest}`,
      );
    if (offset > last)
      throw new TidemarkError(
        "USAGE",
        `stream "${name}" partition ${partition} ends at offset ${last}, and the position is beyond it: ${offset}`,
        `check that it is a position of this log, or read from ${latest}`,
      );
  }
  return { origin, from, upto };
}
