/** The dashboard: polls the API and shows the answers. */
import { ApiError, type ViewInfo } from "../client/client.ts";
import { keepKey, open, type Status } from "./api.ts";
import { byId, h } from "./dom.ts";
import { incidentsTable } from "./incidents.ts";
import { picture } from "./picture.ts";
import { Rate, Rates } from "./rate.ts";
import { sqlBox } from "./sql.ts";
import { streamsTable, versionsTable } from "./streams.ts";
import { ViewPanel } from "./view.ts";
import { duration } from "./words.ts";

const everyMs = 1000;
const client = open();
const rate = new Rate();
const rates = new Rates();
let panel: ViewPanel | null = null;
let listed = "";

/**
 * The last errors of the shown view and of everything else, separate so that a success of one does not clear
 * the other.
 */
const troubles: { view: unknown; server: unknown } = { view: null, server: null };

function trouble(of: keyof typeof troubles, found: unknown): void {
  troubles[of] = found;
  const error = troubles.view ?? troubles.server;
  const line = byId("trouble");
  line.hidden = error === null;
  line.textContent = error === null ? "" : (error as Error).message;
  const locked = error instanceof ApiError && (error.status === 401 || error.status === 403);
  if (locked) byId("key").hidden = false;
}

async function poll(): Promise<void> {
  const status = await client.status<Status>();
  rate.note(Date.now(), status.events.batch + status.events.speed);
  const come = status.streams.map(
    ({ name, records, behind }) => [name, records.batch + records.speed + (behind ?? 0)] as const,
  );
  rates.note(Date.now(), new Map(come));
  const { version, lagMs, complaint } = status;
  byId("state").textContent =
    `version ${version}, ${lagMs === null ? "lag unknown" : `${duration(lagMs)} behind the log`}`;
  byId("picture").replaceChildren(...picture(status, rate.perSecond));
  byId("streams").replaceChildren(streamsTable(status, (stream) => rates.perSecond(stream)));
  byId("list").replaceChildren(versionsTable(status));
  const table = incidentsTable(status);
  byId("incidents").replaceChildren(...(table ? [table] : []));
  trouble("server", complaint ? new Error(complaint) : null);
  const { data: views } = await client.views();
  const names = JSON.stringify(views);
  if (names !== listed) {
    listed = names;
    showViews(views);
    byId("box").replaceChildren(sqlBox(client, views));
  }
  markTabs(status);
}

/** Shows a view's state beside its name, unless it is ok. */
function markTabs({ views }: Status): void {
  for (const tab of document.querySelectorAll<HTMLElement>("#view [data-view]")) {
    const state = views.find(({ name }) => name === tab.dataset.view)?.state ?? "ok";
    tab.lastElementChild!.textContent = state === "ok" ? "" : ` ${state}`;
  }
}

function showViews(views: readonly ViewInfo[]): void {
  if (views.length === 0) {
    byId("view").replaceChildren(h("p", { class: "soft" }, "There are no views yet: write one in views/."));
    return;
  }
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "views" });
  const body = h("div", { role: "tabpanel" });
  const choose = (view: ViewInfo) => {
    panel?.close();
    trouble("view", null);
    panel = new ViewPanel(client, view, (error) => trouble("view", error));
    body.replaceChildren(panel.element);
    body.setAttribute("aria-label", view.name);
    history.replaceState(null, "", `?view=${encodeURIComponent(view.name)}${location.hash}`);
    for (const tab of tabs.children) {
      const own = (tab as HTMLElement).dataset.view === view.name;
      tab.setAttribute("aria-selected", String(own));
      tab.setAttribute("tabindex", own ? "0" : "-1");
    }
  };
  const arrows = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const all = [...tabs.children] as HTMLElement[];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (step === 0 || at < 0) return;
    const next = all[(at + step + all.length) % all.length]!;
    next.focus();
    next.click();
  };
  tabs.addEventListener("keydown", arrows);
  tabs.append(
    ...views.map((view) => {
      const onclick = () => choose(view);
      const mark = h("b", {});
      return h("button", { type: "button", role: "tab", "data-view": view.name, onclick }, view.name, mark);
    }),
  );
  byId("view").replaceChildren(tabs, body);
  const wanted = new URLSearchParams(location.search).get("view");
  choose(views.find(({ name }) => name === wanted) ?? views[0]!);
}

byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(String(new FormData(event.target as HTMLFormElement).get("key")).trim());
  location.reload();
});

async function run(): Promise<void> {
  for (;;) {
    if (!document.hidden) await poll().catch((error: unknown) => trouble("server", error));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

void run();
