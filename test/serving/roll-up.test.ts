/** Roll-ups and conditions within conditions, as they are asked for over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, openApi } from "./api.ts";
import { type Flown, fly } from "./flights.ts";

const views = {
  delays:
    "SELECT date_trunc('hour', \"at\") AS hour, carrier, lower(carrier) AS small, strftime(\"at\", '%H') AS clock, count(*) AS flights, " +
    "avg(delay) AS mean, median(delay) AS middle, count(DISTINCT origin) AS origins FROM flights GROUP BY 1, 2, 4",
  often: "SELECT carrier, origin, count(*) AS n FROM flights GROUP BY ALL HAVING count(*) > 1 AND carrier <> 'CC'",
  seldom: "SELECT carrier, origin, count(*) AS n FROM flights GROUP BY ALL HAVING count(*) < 4",
  sets: "SELECT carrier, origin, count(*) AS n FROM flights GROUP BY ROLLUP (carrier, origin)",
  total: "SELECT count(*) AS n FROM flights",
};

describe("a roll-up over HTTP", () => {
  let flown: Flown;
  let api: Api;

  beforeAll(async () => {
    flown = await fly(views);
    api = await openApi(flown.world);
  });

  afterAll(async () => {
    await api.close();
    await flown.writer.close();
    await flown.world.close();
  });

  const ask = async (query: string) => {
    const response = await api.app.inject({ method: "GET", url: `/v1/views/${query}` });
    const body = response.json<{ data: Record<string, unknown>[]; code: string; detail: string }>();
    return response.statusCode === 200 ? body.data : `${response.statusCode} ${body.code}: ${body.detail}`;
  };

  it.each<[string, unknown]>([
    [
      "delays?by=carrier&order=carrier",
      [
        { carrier: "AA", small: "aa", flights: 4, mean: 9.5, middle: 3.5, origins: 2 },
        { carrier: "BB", small: "bb", flights: 2, mean: 7.5, middle: 7.5, origins: 1 },
        { carrier: "CC", small: "cc", flights: 1, mean: 100, middle: 100, origins: 1 },
      ],
    ],
    [
      "delays?by=hour.day&order=hour&select=hour,flights,middle",
      [
        { hour: "2026-01-01 00:00:00", flights: 4, middle: 4.5 },
        { hour: "2026-01-02 00:00:00", flights: 1, middle: 5 },
        { hour: "2026-02-01 00:00:00", flights: 2, middle: 54 },
      ],
    ],
    [
      "delays?by=hour.month,carrier&carrier=in.(AA,BB)&order=hour,carrier&select=hour,carrier,flights",
      [
        { hour: "2026-01-01 00:00:00", carrier: "AA", flights: 4 },
        { hour: "2026-01-01 00:00:00", carrier: "BB", flights: 1 },
        { hour: "2026-02-01 00:00:00", carrier: "BB", flights: 1 },
      ],
    ],
    // keys choose what is rolled up, also those that it leaves out; values choose among rolled-up rows
    ["delays?by=carrier&clock=eq.10&select=carrier,flights&flights=gt.1", [{ carrier: "AA", flights: 3 }]],
    [
      "delays?by=carrier&or=(hour.lt.2026-01-02,carrier.eq.CC)&order=carrier&select=flights",
      [{ flights: 3 }, { flights: 1 }, { flights: 1 }],
    ],
    ["delays?by=&select=flights,origins", [{ flights: 7, origins: 3 }]],
    // as SQL without GROUP BY: a row, also of nothing
    ["delays?by=&carrier=eq.nobody&select=flights,mean,origins", [{ flights: 0, mean: null, origins: 0 }]],
    ["delays?by=%22hour%22.year&select=flights", [{ flights: 7 }]],
    // HAVING is the rolled-up groups' own, and those of the view that it hides are not in them
    [
      "often?by=carrier&order=carrier",
      [
        { carrier: "AA", n: 3 },
        { carrier: "BB", n: 2 },
      ],
    ],
    // AA has four, of groups that have less
    [
      "seldom?by=carrier&order=carrier",
      [
        { carrier: "BB", n: 2 },
        { carrier: "CC", n: 1 },
      ],
    ],
    [
      "often?by=origin",
      '400 USAGE: view "often" can\'t be rolled up like this: its HAVING uses carrier; keep these keys as they are in by=',
    ],
    ["sets?by=carrier", '400 USAGE: by: "carrier" is not a group key of view "sets"; it shows none'],
    ["total?by=n", '400 USAGE: by: "n" is not a group key of view "total"; it shows none'],
    [
      "delays?by=flights",
      '400 USAGE: by: "flights" is not a group key of view "delays"; there are: hour, carrier, clock',
    ],
    ["delays?by=carrier.day", '400 USAGE: by: "carrier" is a VARCHAR, which has no day; write by=carrier'],
    [
      "delays?by=hour.decade",
      '400 USAGE: by=hour.decade: "decade" is not a bucket size; there are: minute, hour, day, week, month, quarter, year',
    ],
    ["delays?by=carrier,carrier", '400 USAGE: by names the key "carrier" twice; name it once'],
    [
      "delays?by=carrier&select=hour",
      '400 USAGE: column "hour" depends on a key that by= leaves out; there are: carrier, small, flights, mean, middle, origins',
    ],
    [
      "delays?by=carrier&order=clock",
      '400 USAGE: column "clock" depends on a key that by= leaves out; there are: carrier, small, flights, mean, middle, origins',
    ],
    [
      "delays?by=carrier&or=(carrier.eq.AA,flights.gt.3)",
      "400 USAGE: with by=, a condition on keys can't be mixed with one on values in the same or=; filter separately on keys, which choose what is rolled up, and on values, which choose rolled-up rows",
    ],
  ])("%s", async (query, expected) => expect(await ask(query)).toEqual(expected));

  it.each([
    ["or=(carrier.eq.AA,carrier.eq.BB)", 5],
    ["or=(carrier.eq.CC,flights.gt.1)", 2],
    ["or=(carrier.eq.CC,and(carrier.eq.AA,clock.eq.11))", 2],
    ["not.or=(carrier.eq.AA,carrier.eq.BB)", 1],
    ["and=(carrier.eq.AA,clock.eq.10)", 2],
    ["and=(carrier.not.eq.AA,not.or(clock.eq.00,mean.lt.7.5))", 1],
    ["or=(carrier.in.(AA,CC),hour.is.null)", 4],
    ['or=("carrier".eq."AA",carrier.eq."C,(C",carrier.not.eq."BB")', 4],
  ])("delays?%s gives %i rows", async (query, count) => {
    expect(await ask(`delays?${query}`)).toHaveLength(count);
  });

  it.each([
    ["or=carrier.eq.AA", "or=carrier.eq.AA: its list is not in parentheses; write or=(a.eq.1,b.gt.2)"],
    ["or=()", "or=(): its list is empty; write or=(a.eq.1,b.gt.2)"],
    ["or=(carrier.eq.AA", "or=(carrier.eq.AA: its list is not in parentheses; write or=(a.eq.1,b.gt.2)"],
    ["or=(and(carrier.eq.AA)", 'the list and(carrier.eq.AA has an unclosed parenthesis; write a,b,"c,d"'],
    [
      "or=(nothing.eq.1)",
      'view "delays" has no column "nothing"; it has: hour, carrier, small, clock, flights, mean, middle, origins',
    ],
    ["or=(flights.eq.many)", 'filter on flights: "many" is not a BIGINT; correct the value'],
    [`or=${"(and".repeat(30)}(carrier.eq.AA)${")".repeat(30)}`, /conditions are nested deeper than 20/],
  ])("delays?%s is refused", async (query, why) => {
    const found = await ask(`delays?${query}`);
    if (typeof why === "string") expect(found).toBe(`400 USAGE: ${why}`);
    else expect(found).toMatch(why);
  });
});
