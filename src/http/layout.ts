import { Eta } from 'eta/core';

/** What stands around every page. `contentHtml` is HTML already; everything else is escaped. */
export interface Layout {
  readonly title: string;
  readonly contentHtml: string;
}

const layout = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><%= it.title %> · indexwarden</title>
<link rel="stylesheet" href="/assets/style.css">
</head>
<body>
<header>
<nav aria-label="Main"><a href="/"><strong>indexwarden</strong></a> <a href="/api/v1/findings">Findings</a> <a href="/metrics">Metrics</a> <a href="/docs/">Documentation</a></nav>
</header>
<main>
<%~ it.contentHtml %>
</main>
</body>
</html>
`;

/** Templates escape what they are given unless they say otherwise. */
export function compileTemplate<Data extends object>(template: string): (data: Data) => string {
  const eta = new Eta({ autoEscape: true });
  const compiled = eta.compile(template);
  return (data) => eta.render(compiled, data);
}

export const pageLayout: (data: Layout) => string = compileTemplate<Layout>(layout);

/** One stylesheet for all pages: nothing is loaded from elsewhere. */
export const stylesheet = `:root { color-scheme: light dark; --line: #8885; --dim: #777; --accent: #2563ab; }
@media (prefers-color-scheme: dark) { :root { --accent: #7db4f0; --dim: #aaa; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header { border-bottom: 1px solid var(--line); padding: .75rem 0; margin-bottom: 1rem; }
nav a { margin-right: 1rem; }
a { color: var(--accent); }
table { border-collapse: collapse; width: 100%; }
th { overflow-wrap: normal; }
td:not(.wide) { overflow-wrap: break-word; }
td.wide { min-width: 11rem; }
td.number, td time { white-space: nowrap; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 4px; padding: .75rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
img { max-width: 100%; }
.dim { color: var(--dim); }
.state { font-weight: 600; }
.scroll { overflow-x: auto; }
`;
