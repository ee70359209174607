/** A process that renames a product and dies between its two writes: SHOP_URL SEARCH_URL|- SKU NAME. */
import { Database } from "./database.ts";
import { renameProduct } from "./rename.ts";

const [shop, search, sku, name] = process.argv.slice(2) as [string, string, string, string];
await renameProduct(await Database.open(shop), {
  sku,
  name,
  index: search === "-" ? null : await Database.open(search),
  between: async () => {
    process.kill(process.pid, "SIGKILL");
    // it is delivered by the kernel, before anything else happens
    await new Promise(() => undefined);
  },
});
