/** The shop's two databases, and what is in them at first. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inCheckout } from "../checkout.ts";
import type { Chance } from "./chance.ts";
import { Database, databaseAt } from "./database.ts";

/** The shop's project folder, found from the sources and from the built files. */
export const shopProject = inCheckout("demo/shop", "demo/shop/tidemark.config.ts");

export const cities = ["Bern", "Oslo", "Lyon", "Porto", "Gdańsk", "Malmö", "Leeds", "Graz", null];
const first = ["Ada", "Bo", "Cem", "Dora", "Eva", "Finn", "Gül", "Hugo", "Ines", "Jón", "Kai", "Lea"];
const last = ["Ahl", "Berg", "Costa", "Dietz", "Eklund", "Ferrari", "Graf", "Holm", "Ito", "Jansen"];
const kinds = ["light", "warm", "waterproof", "folding", "alpine", "winter", "little", "red", "blue", "classic"];
const things: Readonly<Record<string, string>> = {
  jackets: "jacket",
  shoes: "shoe",
  tents: "tent",
  stoves: "stove",
  maps: "map",
  guides: "guide",
};
const categories = Object.keys(things);
/** Characters from which on a value lies beside its table. */
const longText = 2500;

export interface NewProduct {
  readonly name: string;
  readonly description: string | null;
  readonly category: string;
  readonly price: string;
  readonly stock: number;
}

export function personName(chance: Chance): string {
  return `${chance.of(first)} ${chance.of(last)}`;
}

export function priceText(chance: Chance): string {
  return ((500 + chance.below(40_000)) / 100).toFixed(2);
}

export function newProduct(chance: Chance): NewProduct {
  const category = chance.of(categories);
  const name = `${chance.of(kinds)} ${things[category]}`;
  const words = Array.from({ length: 12 }, () => chance.of(kinds)).join(" ");
  const long = chance.percent(30);
  const description = chance.percent(10) ? null : `${name}: ${words}`.padEnd(long ? longText : 0, ` ${words}`);
  return { name, description, category, price: priceText(chance), stock: 20 + chance.below(200) };
}

export interface ShopSize {
  readonly customers: number;
  readonly products: number;
}

/** Where the databases are. */
export interface ShopUrls {
  readonly shop: string;
  readonly search: string;
}

/** Makes the shop's database and fills it, and the one of its search index, empty. */
export async function makeShop(server: string, size: ShopSize, chance: Chance): Promise<ShopUrls> {
  const urls = { shop: databaseAt(server, "shop"), search: databaseAt(server, "search") };
  const admin = await Database.open(server);
  await admin.rows("CREATE DATABASE shop");
  await admin.rows("CREATE DATABASE search");
  await admin.close();
  const shop = await Database.open(urls.shop);
  await shop.rows(readFileSync(join(shopProject, "tables.sql"), "utf8"));
  const reference = readFileSync(join(shopProject, "reference/categories.csv"), "utf8");
  for (const line of reference.trim().split("\n").slice(1))
    await shop.rows("INSERT INTO categories VALUES ($1, $2)", line.split(","));
  const customers = Array.from({ length: size.customers }, () => ({
    name: personName(chance),
    city: chance.of(cities),
  }));
  await shop.rows(
    "INSERT INTO customers (name, city) SELECT name, city FROM json_to_recordset($1) AS c(name text, city text)",
    [JSON.stringify(customers)],
  );
  const products = Array.from({ length: size.products }, (_, i) => ({ sku: skuOf(i), ...newProduct(chance) }));
  await shop.rows(`INSERT INTO products SELECT * FROM json_populate_recordset(NULL::products, $1)`, [
    JSON.stringify(products),
  ]);
  await shop.close();
  return urls;
}

export function skuOf(number: number): string {
  return `P-${String(number).padStart(4, "0")}`;
}
