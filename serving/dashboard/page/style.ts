/** The page's style, light and dark. The two layers keep their two colours everywhere. */
export const style = `:root {
  color-scheme: light dark;
  --ground: #f7f8fa; --card: #fff; --ink: #1b2430; --soft: #5b6675; --line: #d9dee5; --accent: #2456a6;
  --batch: #2f6fb7; --speed: #d9771b; --behind: #b9c1cc; --bad: #b3261e; --good: #1d7a46;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --card: #1a2029; --ink: #e6eaf0; --soft: #9aa6b5; --line: #2e3743; --accent: #8ab4f8;
    --batch: #5b9be0; --speed: #f0a04b; --behind: #465160; --bad: #f28b82; --good: #6fcf97;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--accent); }
.skip { position: absolute; left: -99em; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 9; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding: .6rem 1.25rem; background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 2; }
header nav { margin-left: auto; display: flex; gap: 1rem; }
h1 { font-size: 1.15rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1rem 0 .4rem; }
#state { margin: 0; color: var(--soft); font-size: .9rem; }
main { max-width: 78rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; display: grid; gap: 1rem; }
section, #key { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem; min-width: 0; scroll-margin-top: 4rem; }
#trouble { margin: 0; padding: .6rem 1rem; border: 1px solid var(--bad); color: var(--bad); border-radius: .6rem; background: var(--card); }
.soft { color: var(--soft); }
.bad { color: var(--bad); } .good { color: var(--good); }
.mono { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: .6rem 0; }
.tabs { display: flex; flex-wrap: wrap; gap: .4rem; }
label { display: grid; gap: .15rem; font-size: .85rem; color: var(--soft); }
fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: center; }
fieldset label { display: flex; gap: .3rem; align-items: center; }
legend { font-size: .85rem; color: var(--soft); padding: 0; float: left; margin-right: .5rem; }
input, select, textarea, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; padding: .3rem .55rem; max-width: 100%; }
button { cursor: pointer; } button:hover { border-color: var(--accent); }
button[aria-pressed=true], .tabs button[aria-selected=true] { background: var(--accent); border-color: var(--accent); color: var(--card); }
textarea { width: 100%; font-family: ui-monospace, monospace; font-size: .9rem; resize: vertical; }
.scroll { overflow-x: auto; max-height: 32rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding: .3rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--card); z-index: 1; }
thead th button { border: 0; background: none; padding: 0; font-weight: 600; }
td.wrap { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tbody tr.can { cursor: pointer; } tbody tr.can:hover { background: color-mix(in srgb, var(--accent) 8%, transparent); }
tbody tr.changed td { animation: changed 1.6s ease-out; }
@keyframes changed { from { background: color-mix(in srgb, var(--speed) 35%, transparent); } }
@media (prefers-reduced-motion: reduce) { tbody tr.changed td { animation: none; } }
.key i { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin: 0 .3rem 0 .8rem; }
.share { display: flex; height: .55rem; border-radius: .3rem; overflow: hidden; background: var(--line); min-width: 6rem; }
.is-batch { background: var(--batch); fill: var(--batch); } .is-speed { background: var(--speed); fill: var(--speed); } .is-behind { background: var(--behind); fill: var(--behind); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.picture { overflow-x: auto; } .picture svg { min-width: 42rem; overflow: hidden; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg text.soft { fill: var(--soft); } svg .n { font-variant-numeric: tabular-nums; }
svg .box { fill: var(--ground); stroke: var(--line); } svg .wire { stroke: var(--soft); fill: none; } svg .grid { stroke: var(--line); }
svg .mark { stroke-width: 3; } svg .of-batch { stroke: var(--batch); } svg .of-speed { stroke: var(--speed); }
svg a:hover rect, svg a:focus-visible rect { opacity: .75; }
dialog { color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; max-width: min(60rem, calc(100vw - 2rem)); width: 60rem; }
dialog::backdrop { background: #0008; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0; } dt { color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: .6rem; } section { padding: .8rem; } header nav { margin-left: 0; } dl { grid-template-columns: 1fr; } }
`;
