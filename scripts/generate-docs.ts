import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { dashboardFiles } from '../dashboards/src/all.ts';
import { manifestJsonSchema, manifestReference } from '../src/config/manifest-reference.ts';
import { probesJsonSchema, probesReference } from '../src/config/probe-reference.ts';
import { configJsonSchema, configReference } from '../src/config/reference.ts';
import { detectors } from '../src/detectors/index.ts';
import { apiOperations } from '../src/http/api/document.ts';
import { apiReference } from '../src/http/api/reference.ts';
import { defaultHttpOptions } from '../src/http/options.ts';
import { metricsReference } from '../src/metrics/reference.ts';
import { reportJsonSchema } from '../src/report/document/document.ts';
import { declarations } from '../src/watch/declarations.ts';
import { alertFiles } from './alerts/files.ts';

/** A file that is made from the code and committed, so that a change of it shows in review. */
export interface GeneratedFile {
  /** Path from the top of the repository. */
  readonly path: string;
  readonly content: () => string;
}

/** Every generated file. To add one, add a line. */
export const generatedFiles: readonly GeneratedFile[] = [
  { path: 'schema/config.schema.json', content: () => asJson(configJsonSchema(declarations)) },
  { path: 'schema/expectations.schema.json', content: () => asJson(manifestJsonSchema()) },
  { path: 'schema/report.schema.json', content: () => asJson(reportJsonSchema()) },
  { path: 'docs/expectations.md', content: manifestReference },
  { path: 'schema/probes.schema.json', content: () => asJson(probesJsonSchema()) },
  { path: 'docs/probes.md', content: probesReference },
  { path: 'docs/config.md', content: () => configReference(declarations) },
  { path: 'docs/metrics.md', content: metricsReference },
  { path: 'docs/api.md', content: () => apiReference(apiOperations(defaultHttpOptions)) },
  ...dashboardFiles,
  ...alertFiles,
  { path: 'README.md', content: () => withDetectors(committedText('README.md') ?? '') },
];

/** The generated files whose committed text is not what the code makes today. */
export function staleFiles(files: readonly GeneratedFile[] = generatedFiles): readonly string[] {
  return files.filter((file) => committedText(file.path) !== file.content()).map((file) => file.path);
}

/** README with its table of detectors made anew between the two comments that mark it. */
function withDetectors(readme: string): string {
  const rows = detectors.map(({ id, title }) => `| [\`${id}\`](docs/detectors/${id}.md) | ${title} |`);
  const table = ['| Kind | What it says |', '| --- | --- |', ...rows].join('\n');
  return readme.replace(/(<!-- detectors:[^\n]*-->\n)[\s\S]*?(<!-- \/detectors -->)/, `$1\n${table}\n\n$2`);
}

const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const placeOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

function committedText(path: string): string | undefined {
  try {
    return readFileSync(placeOf(path), 'utf8');
  } catch {
    return undefined;
  }
}

function check(): void {
  const stale = staleFiles();
  for (const path of stale) console.error(`stale: ${path}`);
  if (stale.length > 0) {
    console.error('run `npm run generate` and commit what it writes');
    process.exitCode = 1;
  } else {
    console.log(`${generatedFiles.length} generated files are up to date`);
  }
}

function write(): void {
  for (const { path, content } of generatedFiles) {
    const text = content();
    if (committedText(path) === text) {
      console.log(`unchanged ${path}`);
      continue;
    }
    mkdirSync(dirname(placeOf(path)), { recursive: true });
    writeFileSync(placeOf(path), text);
    console.log(`wrote     ${path}`);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  if (argv.includes('--check')) check();
  else write();
}
