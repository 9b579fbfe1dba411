import { readFileSync } from 'node:fs';
import { prometheusFile, prometheusRule, readSettings, ruleFiles } from './render.ts';
import type { AlertSettings } from './settings.ts';

/** alerts/settings.yaml as it is committed. */
export const alertSettings = (): AlertSettings =>
  readSettings(readFileSync(new URL('../../alerts/settings.yaml', import.meta.url), 'utf8'));

/** The files that are made from it, by their paths from the top of the repository. */
export const alertFiles: readonly { readonly path: string; readonly content: () => string }[] = [
  ...['recording', 'pages', 'tickets', 'daemon', 'digest'].map((name) => ({
    path: `alerts/rules/${name}.yaml`,
    content: () => {
      const file = ruleFiles(alertSettings()).find((candidate) => candidate.name === name);
      if (file === undefined) throw new Error(`there are no rules called ${name}`);
      return prometheusFile(file);
    },
  })),
  { path: 'alerts/prometheusrule.yaml', content: () => prometheusRule(ruleFiles(alertSettings())) },
];
