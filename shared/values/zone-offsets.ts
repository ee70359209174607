/**
 * How far a zone's clocks are ahead of UTC at an instant. Asked of DuckDB, whose calendar the views compute
 * with and which comes with Tidemark: not of the machine, whose own zones may be older or newer.
 */
import { Duck, quoteText, type Session } from "../duckdb/duck.ts";
import { yearOf } from "./times.ts";

/** Seconds since 1970 → seconds ahead of UTC. */
export type OffsetAt = (seconds: number) => number;

const secondsAt = (year: number) => Date.UTC(year, 0, 1) / 1000;
/**
 * Before the first of these years there were no rules yet. After the last, they go on as in 28 years of
 * which each kind of year is one.
 */
const [firstYear, lastYear] = [1800, 2129];
const likeYears = Array.from({ length: 28 }, (_, i) => lastYear - 28 + i);

const known = new Map<string, Promise<OffsetAt>>();

/** @throws what DuckDB has against the zone */
export function zoneOffsetsOf(zone: string): Promise<OffsetAt> {
  let found = known.get(zone);
  if (!found) {
    found = zone === "UTC" ? Promise.resolve(() => 0) : lookedUp(zone);
    found.catch(() => known.delete(zone));
    known.set(zone, found);
  }
  return found;
}

async function lookedUp(zone: string): Promise<OffsetAt> {
  const duck = await Duck.open({ threads: 1, timezone: zone });
  const session = await duck.session();
  try {
    const changes = await changesIn(session, zone);
    return (seconds) => offsetAmong(changes, withinYears(seconds));
  } finally {
    session.close();
    duck.close();
  }
}

interface Change {
  /** The first second from which on it holds. */
  readonly from: number;
  readonly offset: number;
}

/** In order; the first holds from ever. */
async function changesIn(session: Session, zone: string): Promise<Change[]> {
  const offset = (t: string) =>
    `(epoch_us(timezone(${quoteText(zone)}, make_timestamptz(${t} * 1000000))) // 1000000 - ${t})`;
  const days = `SELECT t, ${offset("t")} AS o FROM range(${secondsAt(firstYear)}, ${secondsAt(lastYear)}, 86400) r(t)`;
  const found = await session.rows(
    `SELECT * FROM (SELECT t, o, lag(o) OVER (ORDER BY t) AS before FROM (${days})) WHERE o IS DISTINCT FROM before ORDER BY t`,
  );
  const ends = found.map(({ t, o, before }) => ({ high: Number(t), offset: Number(o), before: Number(before) }));
  const [first, ...rest] = ends;
  // it changed within the day before: halved until the second is known
  let places = rest.map(({ high }) => ({ low: high - 86_400, high }));
  while (places.some(({ low, high }) => high - low > 1)) {
    const middles = places.map(({ low, high }) => Math.floor((low + high) / 2));
    const offsets = `SELECT ${offset("t")} AS o FROM (SELECT unnest([${middles.join(", ")}]::BIGINT[]) AS t)`;
    const found = (await session.read(offsets)).getRows().map(([o]) => Number(o));
    places = places.map(({ low, high }, i) =>
      found[i] === rest[i]!.before ? { low: middles[i]!, high } : { low, high: middles[i]! },
    );
  }
  const changes = rest.map(({ offset: own }, i): Change => ({ from: places[i]!.high, offset: own }));
  return [{ from: Number.NEGATIVE_INFINITY, offset: first!.offset }, ...changes];
}

function offsetAmong(changes: readonly Change[], seconds: number): number {
  let [low, high] = [0, changes.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (changes[middle]!.from <= seconds) low = middle;
    else high = middle;
  }
  return changes[low]!.offset;
}

/** The same place in one of these years, which begins on the same day of the week and has as many days. */
function withinYears(seconds: number): number {
  if (seconds < secondsAt(lastYear)) return seconds;
  const cycle = 146_097 * 86_400;
  const ofCycle = seconds - Math.floor((seconds - secondsAt(2000)) / cycle) * cycle;
  const year = yearOf(ofCycle);
  const like = likeYears.find((each) => kindOf(each) === kindOf(year))!;
  return ofCycle - secondsAt(year) + secondsAt(like);
}

function kindOf(year: number): string {
  const [first, next] = [secondsAt(year), secondsAt(year + 1)];
  return `${new Date(first * 1000).getUTCDay()} ${next - first}`;
}
