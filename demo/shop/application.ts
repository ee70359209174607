/** The shop's own program: what it does in its database. It knows of no log, and of no view. */
import type { Chance } from "./chance.ts";
import type { Database } from "./database.ts";
import { cities, newProduct, personName, priceText, skuOf } from "./tables.ts";

/** What the program's processes know of each other's work. */
export interface Known {
  /** Ids of customers are below it. */
  customers: number;
  /** Products that are sold. */
  readonly skus: string[];
  /** The number of the next product. */
  next: number;
}

/** Does one transaction. @returns what it was, or why it was rolled back */
export type Action = (db: Database, chance: Chance, known: Known) => Promise<string>;

/** How an outcome begins of which nothing was committed. */
export const rolledBack = "rolled back: ";

const signUp: Action = async (db, chance, known) => {
  const values = [personName(chance), chance.of(cities)];
  const [row] = await db.rows("INSERT INTO customers (name, city) VALUES ($1, $2) RETURNING id", values);
  known.customers = Math.max(known.customers, Number(row!.id) + 1);
  return "customer signed up";
};

const move: Action = async (db, chance, known) => {
  const values = [1 + chance.below(known.customers), chance.of(cities)];
  await db.rows("UPDATE customers SET city = $2 WHERE id = $1", values);
  return "customer moved";
};

const leave: Action = async (db, chance, known) => {
  const id = 1 + chance.below(known.customers);
  await db.rows("DELETE FROM customers WHERE id = $1 AND NOT EXISTS (SELECT FROM orders WHERE customer = $1)", [id]);
  return "customer left";
};

/** The order, its lines, the stock, and the event in the outbox: all of it is committed, or none. */
const placeOrder: Action = async (db, chance, known) => {
  const customer = 1 + chance.below(known.customers);
  // always in one order, so that no two orders wait for each other
  const skus = [...new Set(Array.from({ length: 1 + chance.below(4) }, () => chance.of(known.skus)))].sort();
  const wanted = skus.map((sku) => ({ sku, quantity: 1 + chance.below(3) }));
  const isRefused = chance.percent(8);
  let outcome = "order placed";
  await db.transaction(async () => {
    const placed = timeOf(chance);
    const text = "INSERT INTO orders (customer, placed, status) VALUES ($1, $2, 'placed') RETURNING id";
    const id = (await db.rows(text, [customer, placed]))[0]!.id!;
    for (const { sku, quantity } of wanted) {
      const [taken] = await db.rows(
        `WITH taken AS (UPDATE products SET stock = stock - $2::int WHERE sku = $1 AND stock >= $2::int
           RETURNING category, price)
         INSERT INTO order_lines SELECT $3::bigint, $1, category, $2::int, price FROM taken RETURNING sku`,
        [sku, quantity, id],
      );
      if (taken) continue;
      outcome = `${rolledBack}sold out`;
      return false;
    }
    await putEvent(db, "OrderPlaced", id, placed);
    if (isRefused) outcome = `${rolledBack}payment refused, with its event in the outbox`;
    return !isRefused;
  });
  return outcome;
};

const goOn: Action = async (db, _chance, _known) => {
  await db.rows(
    `UPDATE orders SET status = CASE status WHEN 'placed' THEN 'paid' ELSE 'sent' END WHERE id =
       (SELECT id FROM orders WHERE status IN ('placed', 'paid') ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)`,
  );
  return "order paid or sent";
};

const cancel: Action = async (db, chance) => {
  let outcome = `${rolledBack}nothing to cancel`;
  await db.transaction(async () => {
    const at = timeOf(chance);
    const [order] = await db.rows(
      `UPDATE orders SET status = 'cancelled', cancelled = $1 WHERE id =
         (SELECT id FROM orders WHERE status = 'placed' ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [at],
    );
    if (!order) return false;
    const lines = await db.rows("SELECT sku, quantity FROM order_lines WHERE order_id = $1 ORDER BY sku", [order.id!]);
    for (const { sku, quantity } of lines)
      await db.rows("UPDATE products SET stock = stock + $2::int WHERE sku = $1", [sku!, quantity!]);
    await putEvent(db, "OrderCancelled", order.id!, at);
    outcome = "order cancelled";
    return true;
  });
  return outcome;
};

const restock: Action = async (db, chance, known) => {
  await db.rows("UPDATE products SET stock = stock + $2::int WHERE sku = $1", [
    chance.of(known.skus),
    1 + chance.below(40),
  ]);
  return "product restocked";
};

const reprice: Action = async (db, chance, known) => {
  await db.rows("UPDATE products SET price = $2 WHERE sku = $1", [chance.of(known.skus), priceText(chance)]);
  return "price changed";
};

const rename: Action = async (db, _chance, known) => {
  // taken out of what is sold while its key changes
  const [old] = known.skus.splice(0, 1);
  const sku = skuOf(known.next++);
  await db.rows("UPDATE products SET sku = $2 WHERE sku = $1", [old!, sku]);
  known.skus.push(sku);
  return "key of a product changed";
};

const introduce: Action = async (db, chance, known) => {
  const sku = skuOf(known.next++);
  const product = JSON.stringify({ sku, ...newProduct(chance) });
  await db.rows("INSERT INTO products SELECT * FROM json_populate_record(NULL::products, $1)", [product]);
  known.skus.push(sku);
  return "product introduced";
};

const discontinue: Action = async (db, _chance, known) => {
  const [sku] = known.skus.splice(0, 1);
  await db.rows("DELETE FROM products WHERE sku = $1", [sku!]);
  return "product discontinued";
};

/** With how often each comes, of a hundred. */
const actions: readonly (readonly [Action, number])[] = [
  [signUp, 14],
  [move, 10],
  [leave, 4],
  [placeOrder, 44],
  [goOn, 12],
  [cancel, 5],
  [restock, 3],
  [reprice, 3],
  [rename, 2],
  [introduce, 2],
  [discontinue, 1],
];

export function someAction(chance: Chance): Action {
  let left = chance.below(100);
  for (const [action, share] of actions) {
    if (left < share) return action;
    left -= share;
  }
  return signUp;
}

/** The order's event, as it is in the transaction: its lines are read back from the database. */
async function putEvent(db: Database, type: string, order: string, happened: string): Promise<void> {
  await db.rows(
    `INSERT INTO outbox (aggregatetype, aggregateid, type, payload)
     SELECT 'order_events', $2::bigint::text, $1,
       jsonb_build_object('order', $2::bigint, 'happened', $3::text, 'lines', jsonb_agg(
         jsonb_build_object('sku', sku, 'category', category, 'quantity', quantity, 'price', price) ORDER BY sku))
     FROM order_lines WHERE order_id = $2::bigint`,
    [type, order, happened],
  );
}

/** In a week of March 2026. */
function timeOf(chance: Chance): string {
  const seconds = chance.below(7 * 24 * 3600);
  return new Date(Date.UTC(2026, 2, 2) + seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}
