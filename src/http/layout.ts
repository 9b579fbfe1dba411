import { template, trusted } from './pages/html.ts';
import { type Place, renderPage } from './pages/page.ts';

/** A page whose content is HTML already; see src/http/pages for those that are put together from parts. */
export interface Layout {
  readonly title: string;
  readonly contentHtml: string;
  /** What of the navigation it belongs to. */
  readonly place?: Place;
}

/** Templates escape what they are given unless they say otherwise. */
export function compileTemplate<Data extends object>(source: string): (data: Data) => string {
  const render = template<Data>(source);
  return (data) => render(data).text;
}

export const pageLayout = ({ title, contentHtml, place }: Layout): string =>
  renderPage({ title, content: trusted(contentHtml), place, isPlaceItself: false });
