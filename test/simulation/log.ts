/** A log that loses answers, loses appends, and is away at times; what it holds it holds. */
import { TidemarkError } from "../../shared/errors.ts";
import type { Log, LogReader } from "../../shared/log/log.ts";

export interface Troubles {
  /** Shares of calls that go wrong. */
  readonly lostAppend: number;
  readonly lostAnswer: number;
  readonly away: number;
  readonly delayed: number;
}

/** @param troubles what goes wrong now; null: nothing */
export function troubled(log: Log, random: () => number, troubles: () => Troubles | null): Log {
  const away = () => {
    const now = troubles();
    if (now && random() < now.away) throw new TidemarkError("LOG_UNREACHABLE", "the simulated log is away");
  };
  return {
    kind: log.kind,
    ensure: (stream) => log.ensure(stream),
    settings: (stream) => log.settings(stream),
    append: async (stream, records) => {
      const now = troubles();
      if (now && random() < now.lostAppend) throw new TidemarkError("LOG_APPEND", "lost before it arrived");
      const ends = await log.append(stream, records);
      if (now && random() < now.lostAnswer) throw new TidemarkError("LOG_APPEND", "its answer was lost");
      return ends;
    },
    read: async (stream, from) => {
      away();
      const reader = await log.read(stream, from);
      const slow: LogReader = {
        next: async (maxBytes, waitMs) => {
          away();
          const now = troubles();
          // a reader may get little at a time, or nothing yet
          if (now && waitMs < 5000 && random() < now.delayed) return [];
          return reader.next(now && random() < 0.5 ? 200 : maxBytes, waitMs);
        },
        close: () => reader.close(),
      };
      return slow;
    },
    first: async (stream) => log.first(stream),
    end: async (stream) => {
      away();
      return log.end(stream);
    },
    trim: (stream, below) => log.trim(stream, below),
    close: async () => undefined,
  };
}
