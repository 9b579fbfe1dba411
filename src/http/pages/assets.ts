import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { script } from './assets/script.ts';
import { style } from './assets/style.ts';

interface Asset {
  readonly text: string;
  readonly type: string;
  /** With a digest of what is in it, so that a browser may keep it for good and still never has an old one. */
  readonly url: string;
}

const assetOf = (name: string, type: string, text: string): Asset => ({
  text,
  type,
  url: `/assets/${name}?v=${createHash('sha256').update(text).digest('hex').slice(0, 12)}`,
});

export const styleAsset = assetOf('style.css', 'css', style);
export const scriptAsset = assetOf('page.js', 'js', script);

/** By its own address kept for a year; under any other, asked for again each time. */
export const serveAsset =
  (asset: Asset): RequestHandler =>
  (request, response) => {
    const isExact = request.originalUrl === asset.url;
    response
      .set('Cache-Control', isExact ? 'public, max-age=31536000, immutable' : 'no-cache')
      .type(asset.type)
      .send(asset.text);
  };

/** Three rows of an index, one of them marked. */
export const iconAsset = assetOf(
  'icon.svg',
  'svg',
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0a58a6"/><path d="M3 4.5h10M3 8h10M3 11.5h6" stroke="#fff" stroke-width="1.8"/><circle cx="12" cy="11.5" r="1.8" fill="#ffd479"/></svg>\n',
);
