/** The shop at work: several connections at once, each with a sequence of transactions of its own seed. */
import { type Known, rolledBack, someAction } from "./application.ts";
import { Chance } from "./chance.ts";
import { Database } from "./database.ts";

export interface WorkOptions {
  readonly url: string;
  readonly seed: number;
  readonly connections: number;
  /** In all. */
  readonly transactions: number;
  readonly signal: AbortSignal;
  /** Called after each transaction. */
  readonly onDone: () => void;
}

/** How often each thing happened. */
export type Tally = ReadonlyMap<string, number>;

export async function work({ url, seed, connections, transactions, signal, onDone }: WorkOptions): Promise<Tally> {
  const tally = new Map<string, number>();
  const first = await Database.open(url);
  const known = await knownIn(first);
  await first.close();
  let left = transactions;
  const process = async (own: number) => {
    const db = await Database.open(url);
    const chance = new Chance(seed * 1000 + own);
    try {
      while (left-- > 0 && !signal.aborted) {
        const outcome = await someAction(chance)(db, chance, known);
        tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
        onDone();
      }
    } finally {
      await db.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, i) => process(i)));
  signal.throwIfAborted();
  return tally;
}

async function knownIn(db: Database): Promise<Known> {
  const skus = (await db.rows("SELECT sku FROM products ORDER BY sku")).map(({ sku }) => sku!);
  const [row] = await db.rows("SELECT max(id) + 1 AS customers FROM customers");
  return { customers: Number(row!.customers), skus, next: skus.length };
}

/** What happened, the most frequent first. */
export function tallyTexts(tally: Tally): { readonly committed: string[]; readonly rolledBack: string[] } {
  const sorted = [...tally].sort(([, a], [, b]) => b - a);
  const isBack = ([what]: readonly [string, number]) => what.startsWith(rolledBack);
  return {
    committed: sorted.filter((each) => !isBack(each)).map(([what, n]) => `${n} × ${what}`),
    rolledBack: sorted.filter(isBack).map(([what, n]) => `${n} × ${what.slice(rolledBack.length)}`),
  };
}
