/** A small page over the API: the views, their rows, and what an answer is made of. Everything it needs is in it. */
import { createHash } from "node:crypto";

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #888; --batch: #3b6fb5; --speed: #e08a2e; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
h1 { font-size: 1.25rem; margin: 0; }
nav { display: flex; gap: .4rem; flex-wrap: wrap; margin: 1rem 0 .5rem; }
button { font: inherit; padding: .25rem .7rem; border: 1px solid var(--line); border-radius: 1rem; background: none; color: inherit; cursor: pointer; }
button[aria-pressed=true] { background: var(--batch); border-color: var(--batch); color: #fff; }
.soft { color: var(--soft); } .mono { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.share { display: flex; height: .6rem; border-radius: .3rem; overflow: hidden; margin: .5rem 0; background: var(--line); }
.share i { background: var(--batch); } .share b { background: var(--speed); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: Canvas; cursor: pointer; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #c33; }`;

const script = `
const $ = (id) => document.getElementById(id);
const text = (tag, value, name) => { const e = document.createElement(tag); e.textContent = value; if (name) e.className = name; return e; };
const grouped = (n) => Number(n).toLocaleString("en-US");
let views = [], current = null, order = null, busy = false;
async function get(path) {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || response.statusText);
  return body;
}
function showMeta(meta) {
  const { batch, speed } = meta.events, all = Math.max(1, batch + speed);
  $("batch").style.flexGrow = batch / all; $("speed").style.flexGrow = speed / all;
  $("made").textContent = grouped(batch) + " events from batch + " + grouped(speed) + " from speed"
    + (meta.dead ? ", " + grouped(meta.dead) + " dead letters" : "");
  $("state").textContent = "version " + meta.version + ", lag " + (meta.lagMs === null ? "unknown" : meta.lagMs + " ms");
  $("position").textContent = "exact at " + (meta.position || "the origin");
}
function tabs() {
  $("views").replaceChildren(...views.map((view) => {
    const b = text("button", view.name);
    b.setAttribute("aria-pressed", String(view.name === current));
    b.onclick = () => { current = view.name; order = null; tabs(); tick(); };
    return b;
  }));
}
const numeric = (type) => /INT|DECIMAL|DOUBLE|FLOAT/.test(type);
function rows(view, data) {
  const head = text("tr", "");
  for (const column of view.columns) {
    const th = text("th", column.name + (order === column.name ? " \\u2193" : order === "-" + column.name ? " \\u2191" : ""), numeric(column.type) ? "n" : "");
    th.title = column.type + (column.key ? ", group key" : "");
    th.tabIndex = 0;
    th.onclick = () => { order = order === column.name ? "-" + column.name : column.name; tick(); };
    th.onkeydown = (event) => { if (event.key === "Enter") th.onclick(); };
    head.append(th);
  }
  $("head").replaceChildren(head);
  $("rows").replaceChildren(...data.map((row) => {
    const tr = document.createElement("tr");
    for (const column of view.columns) {
      const value = row[column.name];
      tr.append(text("td", value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value), numeric(column.type) ? "n" : ""));
    }
    return tr;
  }));
}
async function tick() {
  if (busy) return;
  busy = true;
  try {
    const list = await get("/v1/views");
    if (JSON.stringify(list.data) !== JSON.stringify(views)) {
      views = list.data;
      if (!views.some((view) => view.name === current)) current = views[0] ? views[0].name : null;
      tabs();
    }
    showMeta(list.meta);
    const view = views.find((each) => each.name === current);
    $("about").textContent = view ? view.description : "no views yet: write one in views/";
    if (view) {
      const by = order ? "&order=" + encodeURIComponent('"' + order.replace(/^-/, "").replace(/(["\\\\])/g, "\\\\$1") + '"') + (order[0] === "-" ? "" : ".desc.nullslast") : "";
      const answer = await get("/v1/views/" + encodeURIComponent(view.name) + "?limit=200" + by);
      rows(view, answer.data);
      showMeta(answer.meta);
    }
    $("trouble").textContent = "";
  } catch (error) {
    $("trouble").textContent = error.message;
  }
  busy = false;
}
setInterval(() => { if (!document.hidden) tick(); }, 1000);
tick();`;

const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark</title><style>${style}</style></head><body>
<header><h1>Tidemark</h1><span id="state" class="soft" aria-live="off"></span></header>
<div class="share" role="img" aria-label="share of batch and speed"><i id="batch"></i><b id="speed"></b></div>
<div id="made"></div><div id="position" class="soft mono"></div><div id="trouble" class="bad" role="alert"></div>
<nav id="views" aria-label="views"></nav><p id="about" class="soft"></p>
<div class="scroll"><table><thead id="head"></thead><tbody id="rows"></tbody></table></div>
<script>${script}</script></body></html>
`;

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export const page = {
  html,
  /** Only what is in the page, and only this API. */
  policy: `default-src 'none'; connect-src 'self'; style-src ${hashOf(style)} 'unsafe-hashes'; script-src ${hashOf(script)}; base-uri 'none'; frame-ancestors 'none'`,
} as const;
