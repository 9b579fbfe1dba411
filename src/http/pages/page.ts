import type { PageAccess } from './access.ts';
import { iconAsset, scriptAsset, styleAsset } from './assets.ts';
import { type Html, template } from './html.ts';

/** Places in the navigation, in its order. */
export const places = [
  { path: '/', title: 'Overview' },
  { path: '/findings', title: 'Findings' },
  { path: '/targets', title: 'Targets' },
  { path: '/events', title: 'Events' },
  { path: '/probes', title: 'Probes' },
  { path: '/plan', title: 'Plan' },
  { path: '/report', title: 'Report' },
  { path: '/docs/', title: 'Documentation' },
  { path: '/about', title: 'About' },
] as const;
export type Place = (typeof places)[number]['path'];

/** One page, without what stands around every page. */
export interface Page {
  /** In the browser's tab. The page's own `<h1>` is part of its content. */
  readonly title: string;
  readonly content: Html;
  /** What of the navigation it belongs to; undefined where nothing does. */
  readonly place?: Place | undefined;
  /** Whether the address is the place itself and not something below it. */
  readonly isPlaceItself?: boolean;
  /** Who reads it; undefined where that does not matter. */
  readonly access?: PageAccess | undefined;
}

const frame = template<{
  readonly page: Page;
  readonly places: typeof places;
  readonly current: string;
  readonly access: PageAccess | undefined;
  readonly iconUrl: string;
  readonly styleUrl: string;
  readonly scriptUrl: string;
}>(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><%= it.page.title %> · indexwarden</title>
<link rel="icon" type="image/svg+xml" href="<%= it.iconUrl %>">
<link rel="stylesheet" href="<%= it.styleUrl %>">
<script src="<%= it.scriptUrl %>" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<nav aria-label="Main"><ul>
<li><a class="brand" href="/">indexwarden</a></li>
<% for (const { path, title } of it.places) { %>
<li><a href="<%= path %>"<% if (path === it.page.place) { %> aria-current="<%= it.current %>"<% } %>><%= title %></a></li>
<% } %>
<% if (it.access && it.access.name !== null) { %>
<li class="who"><a href="/login"><span class="hidden-text">Signed in as </span><%= it.access.name %></a></li>
<% } else if (it.access && it.access.hasAdministrators) { %>
<li class="who"><a href="/login">Sign in</a></li>
<% } %>
</ul></nav>
</header>
<main id="content" tabindex="-1">
<%= it.page.content %>
</main>
<footer>
<p id="page-zone">Times are UTC.</p>
<p id="page-status" role="status" class="hidden-text"></p>
</footer>
</body>
</html>
`);

/** The whole document. */
export const renderPage = (page: Page): string =>
  frame({
    page,
    places,
    access: page.access,
    current: page.isPlaceItself === false ? 'true' : 'page',
    iconUrl: iconAsset.url,
    styleUrl: styleAsset.url,
    scriptUrl: scriptAsset.url,
  }).text;
