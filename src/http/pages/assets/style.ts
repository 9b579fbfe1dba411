/** Looks of all pages. Colours keep a contrast of 4.5 and more on their grounds, in the light and in the dark. */
export const style = `
:root { color-scheme: light dark;
  --ground: #fff; --panel: #f5f7f9; --ink: #1b1f24; --dim: #565f69; --line: #cfd6dd; --accent: #0a58a6; --focus: #0a58a6;
  --good: #11602c; --good-ground: #def5e3; --info: #0b4a82; --info-ground: #e2effb; --warning: #704400; --warning-ground: #fff1cf; --critical: #9b1021; --critical-ground: #ffe7e5;
  --mark: #ffe9a8; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #11161c; --panel: #1a2129; --ink: #e4e8ec; --dim: #a3aeb9; --line: #3a444f; --accent: #8cc0ff; --focus: #ffd479;
  --good: #9be3ae; --good-ground: #143520; --info: #add6ff; --info-ground: #14314d; --warning: #f7d48a; --warning-ground: #3f2f08; --critical: #ffb9b3; --critical-ground: #4d171b;
  --mark: #5a4708; } }
* { box-sizing: border-box; }
html { scrollbar-gutter: stable; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100vw; top: 0; background: var(--ground); padding: .5rem 1rem; z-index: 1; }
.skip:focus { left: 0; }
header, main, footer { max-width: 80rem; margin: 0 auto; padding: 0 1rem; }
header { border-bottom: 1px solid var(--line); padding-top: .6rem; padding-bottom: .6rem; }
header nav ul { display: flex; flex-wrap: wrap; gap: .1rem .3rem; margin: 0; padding: 0; list-style: none; }
header nav a { display: block; padding: .25rem .5rem; text-decoration: none; border-bottom: 3px solid transparent; }
header nav a:hover { text-decoration: underline; }
header nav a[aria-current] { border-bottom-color: var(--accent); font-weight: 600; }
header nav .who { margin-left: auto; }
header .brand { font-weight: 700; color: var(--ink); padding-left: 0; }
main { padding-top: .5rem; padding-bottom: 3rem; min-height: 70vh; }
footer { border-top: 1px solid var(--line); padding-top: .6rem; padding-bottom: 1.5rem; color: var(--dim); font-size: .9rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .6rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p, ul, ol { margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { overflow-wrap: normal; font-weight: 600; }
td { overflow-wrap: break-word; }
td.wide, td.wide * { overflow-wrap: anywhere; }
td.wide { min-width: 12rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
td time { display: inline-block; min-width: 10.5rem; }
.scroll { overflow-x: auto; }
pre { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: .75rem; margin: .4rem 0; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
img, svg { max-width: 100%; }
mark { background: var(--mark); color: inherit; padding: 0 .15em; border-radius: 2px; font-weight: 600; }
.name { overflow-wrap: anywhere; }
td.named { min-width: 9.5rem; }
td.number, th.number { padding-right: 1.6rem; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 2rem; align-items: start; }
.beside > * { min-width: 0; }
.beside h2 { margin-top: 1rem; }
.dim { color: var(--dim); }
.hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.badge { display: inline-block; white-space: nowrap; border: 1px solid var(--line); border-radius: 4px; padding: 0 .45rem; font-size: .86rem; line-height: 1.5; }
.badge.good, .notice.good { color: var(--good); background: var(--good-ground); border-color: currentColor; }
.badge.info { color: var(--info); background: var(--info-ground); border-color: currentColor; }
.badge.warning { color: var(--warning); background: var(--warning-ground); border-color: currentColor; }
.badge.critical { color: var(--critical); background: var(--critical-ground); border-color: currentColor; }
.badges { display: flex; flex-wrap: wrap; gap: .4rem; margin: .5rem 0; }
.notice { border: 1px solid var(--line); border-left: 5px solid var(--info); border-radius: 4px; padding: .5rem .9rem; margin: .8rem 0; background: var(--panel); }
.notice.warning { border-left-color: var(--warning); }
.notice.critical { border-left-color: var(--critical); }
.notice > :first-child { margin-top: 0; }
.notice > :last-child { margin-bottom: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .8rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { border: 1px solid var(--line); border-radius: 4px; padding: .6rem .8rem; background: var(--panel); }
.tiles strong { display: block; font-size: 1.4rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(11.5rem, 44%), 1fr)); gap: .2rem 1.5rem; margin: .5rem 0; }
dl.facts div { border-bottom: 1px solid var(--line); padding: .3rem 0; }
dt { color: var(--dim); font-size: .9rem; }
dd { margin: 0; }
ol.actions { padding-left: 0; list-style: none; counter-reset: action; }
ol.actions > li { counter-increment: action; border: 1px solid var(--line); border-radius: 4px; padding: .6rem .9rem; margin: .5rem 0; }
ol.actions > li::before { content: counter(action) "."; font-weight: 700; float: left; margin-right: .6rem; }
form.filters { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.5rem, 42%), 1fr)); margin-bottom: 1rem; gap: .5rem .8rem; align-items: end; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: .8rem; }
label { display: block; font-size: .9rem; }
input, select, textarea { font: inherit; width: 100%; max-width: 100%; color: var(--ink); background: var(--ground); border: 1px solid var(--dim); border-radius: 4px; padding: .3rem .45rem; min-height: 2.2rem; }
input[type=checkbox], input[type=radio] { width: auto; min-height: 0; }
button, .button { font: inherit; display: inline-block; color: var(--ground); background: var(--accent); border: 1px solid var(--accent); border-radius: 4px; padding: .3rem .9rem; min-height: 2.2rem; cursor: pointer; text-decoration: none; }
button.plain, .button.plain { color: var(--accent); background: var(--ground); }
button[disabled] { opacity: .7; cursor: default; }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
.statements { position: relative; }
.statements .copy { position: absolute; right: .5rem; top: .9rem; visibility: hidden; min-height: 0; padding: .1rem .6rem; font-size: .86rem; z-index: 1; }
.script .statements .copy { visibility: visible; }
.statements pre { max-height: 13rem; overflow: auto; }
.script .statements pre { padding-right: 5.5rem; }
.statements > p + .copy { top: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .5rem 1.5rem; align-items: start; }
figure.chart { margin: .5rem 0; max-width: 36rem; }
figcaption { font-weight: 600; }
svg.lines { display: block; width: 100%; height: auto; color: var(--ink); }
svg.lines .line-0 { color: var(--accent); }
svg.lines .line-1 { color: var(--critical); }
svg.lines .line-2 { color: var(--good); }
svg.lines .line-3 { color: var(--warning); }
svg.lines .limit { color: var(--critical); }
figure.chart .scroll { max-height: 20rem; overflow-y: auto; }
table.aligned th[scope=row] { min-width: 10.5rem; }
table.aligned th[scope=row] .dim { font-weight: 400; }
#sql-script { max-height: 34rem; overflow-y: auto; }
fieldset.choices { border: 0; padding: 0; margin: .8rem 0; min-width: 0; }
fieldset.choices legend { font-weight: 600; padding: 0; }
fieldset.choices ul { list-style: none; padding: 0; }
fieldset.choices li { display: flex; align-items: flex-start; gap: .7rem; border-bottom: 1px solid var(--line); padding: .5rem 0; }
fieldset.choices li > input { margin-top: .35rem; flex: none; }
fieldset.choices label { font-size: 1rem; }
form div.filters { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0 .8rem; max-width: 40rem; }
.narrow { max-width: 34rem; }
summary { cursor: pointer; }
@media (max-width: 44rem) {
  h1 { font-size: 1.35rem; }
  header nav a { padding: .2rem .35rem; }
  table.cards, table.cards tbody, table.cards tr, table.cards td { display: block; width: 100%; }
  table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.cards tr { border: 1px solid var(--line); border-radius: 4px; padding: .4rem .8rem; margin: .6rem 0; }
  table.cards td { border: 0; padding: .15rem 0; text-align: left; white-space: normal; }
  table.cards td::before { content: attr(data-label); display: block; color: var(--dim); font-size: .82rem; }
  table.cards td:empty { display: none; }
  td time, td.wide, td.named { min-width: 0; }
  td.number { padding-right: 0; }
}
@media print { header, form, .copy { display: none; } }
`;
