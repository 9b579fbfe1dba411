/** Looks of the HTML report: light on every screen, since it is printed and sent on. No character of it may need escaping in HTML. */
export const stylesheet = `
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem 1.5rem 4rem; background: #fff; color: #1c1c1c; font: 15px/1.5 system-ui, sans-serif; }
header { border-bottom: 3px solid #1f4e79; margin-bottom: 1rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid #c8c8c8; padding-bottom: .2rem; overflow-wrap: anywhere; }
h2.database { font-size: 1.5rem; border-bottom: 3px solid #1f4e79; margin-top: 3rem; }
h3 { font-size: 1.1rem; margin: 1.5rem 0 .4rem; overflow-wrap: anywhere; }
h4 { font-size: 1rem; margin: 1.2rem 0 .4rem; overflow-wrap: anywhere; }
p, li { max-width: 62rem; overflow-wrap: anywhere; }
li { margin: .2rem 0; }
.dim, figcaption { color: #555; }
nav ul { list-style: none; margin: 0; padding: .6rem .8rem; background: #f3f5f8; }
nav li { display: inline-block; margin: 0 1rem 0 0; }
a { color: #1f4e79; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; line-height: 1.35; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #dcdcdc; overflow-wrap: break-word; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
td { min-width: 3.5rem; max-width: 26rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.name { font-family: ui-monospace, DejaVu Sans Mono, monospace; font-size: .92em; overflow-wrap: break-word; }
code { font-family: ui-monospace, DejaVu Sans Mono, monospace; font-size: .92em; }
pre { background: #f6f6f6; border: 1px solid #dcdcdc; border-radius: 4px; padding: .6rem .8rem; font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1rem 0; break-inside: avoid; }
figcaption { font-size: .9rem; margin-bottom: .3rem; }
svg.bars { display: block; max-width: 100%; height: auto; }
summary { cursor: pointer; font-weight: 600; margin: .6rem 0; }
@page { size: A4 landscape; margin: 14mm 12mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; }
  td { max-width: none; min-width: 5rem; padding-right: .4rem; }
  td:first-child { min-width: 11rem; }
  td.number { min-width: 2.5rem; }
  td .name { overflow-wrap: anywhere; }
  thead { display: table-header-group; }
  tr, pre { break-inside: avoid; }
  h1, h2, h3, h4, summary, figcaption { break-after: avoid; }
  h2.database { break-before: page; }
  a { color: inherit; text-decoration: none; }
  summary { list-style: none; }
}
`;
