/**
 * The page in a real browser: what it shows, by mouse and by keyboard, light, dark and on a phone, and what it
 * weighs.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAssets } from "../../serving/dashboard/page/assets.ts";
import { newKey } from "../../serving/http/access/keys.ts";
import { queryLimits } from "../../serving/sql/queries.ts";
import { Incidents } from "../../shared/store/incidents.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";
import { openBrowser } from "./browser.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flights = { ...stream("flights", { carrier: "VARCHAR", at: "TIMESTAMP", delay: "BIGINT" }), partitions: 2 };
const views = {
  delays:
    "-- How late.\nSELECT date_trunc('day', \"at\") AS day, carrier, count(*) AS flights, round(avg(delay), 1) AS mean FROM flights GROUP BY 1, 2",
  carriers: "SELECT carrier, count(*) AS flights FROM flights GROUP BY carrier",
  hidden: "SELECT count(*) AS flights FROM flights GROUP BY carrier",
};
const weightMax = 300_000;

const browser: Browser | null = await openBrowser();

describe.skipIf(!browser)("the dashboard", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;
  let url: string;
  const opened: Page[] = [];
  const complaints: string[] = [];

  const event = (n: number) => ({
    partition: n % 2,
    value: JSON.stringify({
      carrier: `C${n % 5}`,
      at: `2026-01-${String(1 + (n % 9)).padStart(2, "0")} 10:00:00`,
      delay: (n * 7) % 60,
    }),
    valid: true,
  });
  const send = async (from: number, count: number) => {
    await world.append(Array.from({ length: count }, (_, i) => event(from + i)));
    await catchUp(world, writer);
    await api.follower.tick();
  };

  beforeAll(async () => {
    world = await World.open({ stream: flights, views });
    await world.firstVersion();
    await world.append(Array.from({ length: 200 }, (_, i) => event(i)));
    await world.runBatch();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    api = await openApi(world, { limits: { ...queryLimits, children: 1 } });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    await send(200, 60);
  });

  afterAll(async () => {
    for (const page of opened) await page.close();
    await browser?.close();
    await api.close();
    await writer.close();
    await world.close();
    expect(complaints).toEqual([]);
  });

  async function open(path = "/", options: BrowserContextOptions = {}, at = url): Promise<Page> {
    const page = await browser!.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    opened.push(page);
    page.setDefaultTimeout(60_000);
    page.on(
      "console",
      (message) => message.type() === "error" && !/401/.test(message.text()) && complaints.push(message.text()),
    );
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(at) && !request.url().startsWith("data:"))
        complaints.push(`asked ${request.url()}`);
    });
    await page.goto(at + path);
    return page;
  }

  /** A screenshot, where SCREENSHOTS names a folder. */
  async function shoot(page: Page, name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  const cells = (page: Page) =>
    page
      .locator("#view tbody tr")
      .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent)));

  it("shows the pipeline, streams, a view with both layers, and versions", async () => {
    const page = await open("/?view=carriers");
    await page.locator("#view svg").waitFor();
    expect(await page.locator("#state").textContent()).toMatch(/^version 1, /);
    expect(await page.locator("#picture").textContent()).toMatch(
      /Batch, version 1200 events.*Speed60 events.*batch 76\.9 %speed 23\.1 %/s,
    );
    expect(await page.locator("#streams tbody tr").textContent()).toMatch(/^flightsflights2/);
    expect(await page.locator("#streams tbody .share").getAttribute("aria-label")).toMatch(
      /^Of flights batch covers 76\.9 %, speed 23\.1 %, 0\.0 % are not answered yet$/,
    );
    // nothing comes in, and after a second that is known
    await expect.poll(async () => page.locator("#streams tbody td").nth(2).textContent()).toBe("0");
    expect(await cells(page)).toHaveLength(5);
    expect((await cells(page))[0]![1]).toBe("52");
    const bars = await page
      .locator("#view svg a")
      .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
    expect(bars).toHaveLength(5);
    for (const bar of bars) expect(bar).toMatch(/^C\d: flights 52, batch 40, speed 12$/);
    expect(await page.locator("#list tbody tr").first().textContent()).toMatch(/^1, served.*proved/);
    await shoot(page, "carriers");
  });

  it("shows incidents, with the streams and views that they touch", async () => {
    const page = await open("/?view=carriers");
    await page.locator("#view svg").waitFor();
    expect(await page.locator("#incidents table").count()).toBe(0);
    const speed = new Incidents(world.store, "speed-0", () => Date.now() - 180_000);
    const message = "topic flights was recreated: start with a new data folder";
    await speed.raise("stream-stopped", "flights", {
      code: "LOG_RECREATED",
      message,
      streams: ["flights"],
      views: Object.keys(views),
    });
    await expect
      .poll(async () => page.locator("#incidents tbody tr").allTextContents())
      .toEqual([`stream-stoppedstream flights, view delays, view carriers, view hidden3 min agospeed-0${message}`]);
    expect(await page.locator("#streams tbody th").textContent()).toBe("flights stopped");
    expect(await page.getByRole("tab").allTextContents()).toEqual([
      "delays stopped",
      "carriers stopped",
      "hidden stopped",
    ]);
    await shoot(page, "incidents");
    await speed.clear("stream-stopped", "flights");
    await expect.poll(async () => page.locator("#incidents table").count()).toBe(0);
    expect(await page.getByRole("tab", { name: "carriers", exact: true }).count()).toBe(1);
  });

  it("rolls up, filters and sorts", async () => {
    const page = await open("/?view=delays");
    await page.locator("#view svg").waitFor();
    await page.getByRole("checkbox", { name: "carrier" }).uncheck();
    await expect.poll(async () => (await cells(page)).length).toBe(9);
    await page.getByLabel("times").selectOption("month");
    await expect.poll(async () => await cells(page)).toEqual([["2026-01-01 00:00:00", "260", expect.any(String)]]);
    await page.getByLabel("filters").fill("carrier=in.(C1,C2)&delay=eq.1");
    await page.keyboard.press("Enter");
    await page.locator("#trouble").waitFor();
    expect(await page.locator("#trouble").textContent()).toMatch(/view "delays" has no column "delay"/);
    // it stays until it is put right, however often the server is found well meanwhile
    await page.waitForTimeout(2500);
    expect(await page.locator("#trouble").isVisible()).toBe(true);
    await page.getByLabel("filters").fill("carrier=in.(C1,C2)");
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await cells(page))[0]?.[1]).toBe("104");
    await page.locator("#trouble").waitFor({ state: "hidden" });
    complaints.splice(0, complaints.length, ...complaints.filter((each) => !/400/.test(each)));
  });

  it("follows what changes", async () => {
    const page = await open("/?view=carriers");
    await page.locator("#view svg").waitFor();
    const before = Number((await cells(page))[0]![1]);
    await send(260, 20);
    await expect.poll(async () => Number((await cells(page))[0]![1])).toBe(before + 4);
  });

  it("says why a number is what it is, down to the events, by keyboard alone", async () => {
    const page = await open("/?view=carriers");
    await page.locator("#view svg").waitFor();
    await page.getByRole("tab", { name: "carriers" }).focus();
    for (let i = 0; i < 60 && !(await page.evaluate(() => document.activeElement?.tagName === "TR")); i++)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("batch alone").waitFor();
    expect(await dialog.textContent()).toMatch(/Why these numbers\? carrier = C\d/);
    await dialog.getByRole("button", { name: "Show the events" }).click();
    await dialog.getByText("Events 1 to 20, in the log's order").waitFor();
    await dialog.getByRole("button", { name: "Next" }).click();
    await dialog.getByText("Events 21 to 40").waitFor();
    await shoot(page, "explain");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  });

  it("runs SQL, and shows what is wrong with it", async () => {
    const page = await open();
    await page.getByRole("button", { name: "Run" }).click();
    await page.locator("#box tbody tr").first().waitFor();
    const box = page.getByLabel("SQL over the views");
    await box.fill("SELECT carrier, MEASURE(flights) AS n FROM delays GROUP BY carrier ORDER BY carrier LIMIT 2");
    await box.press("Control+Enter");
    await expect.poll(async () => page.locator("#box tbody").textContent()).toBe("C056C156");
    await box.fill("SELECT * FROM read_text('/etc/passwd')");
    await box.press("Control+Enter");
    await page.locator("#box .bad").waitFor();
    expect(await page.locator("#box .bad").textContent()).toMatch(/read_text\(\) is not available/);
    complaints.splice(0, complaints.length, ...complaints.filter((each) => !/403/.test(each)));
  });

  it.each<[string, BrowserContextOptions]>([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true }],
  ])("can be used by everyone: %s", async (name, options) => {
    const page = await open("/?view=delays", options);
    await page.locator("#view svg").waitFor();
    await shoot(page, name);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
      0,
    );
    // the page's policy lets nothing in; a test may
    const session = await page.context().newCDPSession(page);
    await session.send("Page.setBypassCSP", { enabled: true });
    await page.reload();
    await page.locator("#view svg").waitFor();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      (
        window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
      ).axe.run(),
    );
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`)).toEqual([]);
  });

  it("asks for a key where one is needed", async () => {
    const { key, text } = newKey("page", ["read"], null, Date.now());
    const { writeFileSync } = await import("node:fs");
    const keyFile = join(world.dir, "page-keys.json");
    writeFileSync(keyFile, JSON.stringify({ keys: [key] }));
    const locked = await openApi(world, { keyFile });
    try {
      const page = await open("/", {}, await locked.app.listen({ host: "127.0.0.1", port: 0 }));
      await page.getByLabel(/API key/).fill(text);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.locator("#view svg").waitFor();
      await page.close();
    } finally {
      await locked.close();
    }
  });

  it("weighs little", () => {
    const assets = [...readAssets()];
    expect(assets.length).toBeGreaterThan(10);
    const weight = assets.reduce((sum, [, { body }]) => sum + gzipSync(body).length, 0);
    process.stdout.write(`dashboard: ${assets.length} files, ${weight} bytes gzipped\n`);
    expect(weight).toBeLessThan(weightMax);
  });
});
