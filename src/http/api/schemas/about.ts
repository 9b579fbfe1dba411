import { z } from 'zod';
import { bytes, count, instant, unknownable } from './values.ts';

export const configSchema = z
  .strictObject({
    file: unknownable(z.string()),
    yaml: z.string().meta({ description: 'As `indexwarden config check` prints it; secrets are left out.' }),
    configuration: z.record(z.string(), z.unknown()).meta({ description: 'The same as data.' }),
  })
  .meta({ id: 'Configuration', description: 'The configuration in force, without secrets.' });

export const aboutSchema = z
  .strictObject({
    version: z.string(),
    nodeVersion: z.string(),
    startedAt: instant,
    targets: count,
    storage: z.strictObject({
      path: unknownable(z.string()).meta({ description: 'Null: in memory, lost at each restart.' }),
      sizeBytes: unknownable(bytes),
      lastWriteAt: unknownable(instant),
      lastError: unknownable(z.string()),
      schemaVersion: unknownable(count),
      movedAside: unknownable(z.string()).meta({ description: 'Where a damaged file was put at the start.' }),
    }),
  })
  .meta({ id: 'About', description: 'What runs here, and where it keeps what it knows.' });
