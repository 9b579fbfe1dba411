import type { RequestHandler } from 'express';
import { parse } from 'yaml';
import type { Generation } from '../../findings/generation.ts';
import type { Knowledge } from '../knowledge.ts';
import { isoTime } from './listings.ts';

/** `GET /config`: the configuration in force, without secrets. */
export const serveConfig =
  ({ about }: Pick<Knowledge, 'about'>): RequestHandler =>
  async (_request, response) => {
    const { configFile, configuration } = await about();
    response
      .set('Cache-Control', 'no-cache')
      .json({ file: configFile, yaml: configuration, configuration: parse(configuration) });
  };

/** `GET /about`: what runs here, and where it keeps what it knows. */
export const serveAbout =
  ({ about }: Pick<Knowledge, 'about'>, generations: () => readonly Generation[]): RequestHandler =>
  async (_request, response) => {
    const { version, nodeVersion, startedAtMs, storage } = await about();
    const { lastWriteAtMs, ...facts } = storage;
    response.set('Cache-Control', 'no-cache').json({
      version,
      nodeVersion,
      startedAt: new Date(startedAtMs).toISOString(),
      targets: generations().length,
      storage: { ...facts, lastWriteAt: isoTime(lastWriteAtMs) },
    });
  };
