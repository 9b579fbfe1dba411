import {
  factsHtml,
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  sectionHtml,
  statementsHtml,
} from './components.ts';
import { nothing, template } from './html.ts';
import { aPage, type PageHandler, type PageSources } from './serve.ts';
import { bytesHtml, codeHtml, countHtml, sentenceHtml, timeHtml } from './words.ts';

/** `/about`: what runs here, where it keeps what it knows, and how it is set up. */
export function aboutPage({ generations, knowledge }: PageSources): PageHandler {
  return async () => {
    const about = await knowledge.about();
    const { storage, configuration } = about;
    return aPage({
      title: 'About',
      place: '/about',
      content: joined([
        heading({}),
        factsHtml([
          ['Version', codeHtml(about.version)],
          ['Node.js', codeHtml(about.nodeVersion)],
          ['Started', timeHtml(about.startedAtMs)],
          ['Databases watched', countHtml(generations().length)],
          [
            'File of settings',
            about.configFile === null ? 'none: flags and environment' : codeHtml(about.configFile),
          ],
        ]),
        sectionHtml(
          'storage',
          'What is kept',
          joined([
            storage.path === null
              ? noticeHtml(
                  'warning',
                  'In memory: history, findings and mutes are lost at each restart. Set storage.path to keep them.',
                )
              : nothing,
            storage.lastError === null
              ? nothing
              : noticeHtml('critical', joined(['The last write failed: ', sentenceHtml(storage.lastError)])),
            storage.movedAside === null
              ? nothing
              : noticeHtml(
                  'warning',
                  joined(['A damaged file was moved aside at the start: ', codeHtml(storage.movedAside)]),
                ),
            storage.path === null
              ? nothing
              : factsHtml([
                  ['File', codeHtml(storage.path)],
                  ['Size', bytesHtml(storage.sizeBytes)],
                  [
                    'Last written',
                    storage.lastWriteAtMs === null ? 'not since the start' : timeHtml(storage.lastWriteAtMs),
                  ],
                  ['Version of its tables', countHtml(storage.schemaVersion)],
                ]),
          ]),
        ),
        sectionHtml(
          'links',
          'Elsewhere',
          listHtml([
            joined([linkHtml('/metrics', 'Metrics'), ' for Prometheus']),
            joined([
              linkHtml('/docs/api.md', 'The API'),
              ', described by ',
              linkHtml('/api/v1/openapi.json', 'OpenAPI'),
            ]),
            joined([linkHtml('/-/healthy', 'Liveness'), ' and ', linkHtml('/-/ready', 'readiness')]),
            linkHtml('/docs/', 'Documentation'),
          ]),
        ),
        sectionHtml(
          'configuration',
          'Configuration in force',
          joined([
            paragraphHtml(
              'With everything that was not set at its preset, and without secrets. It can be used as a file again.',
            ),
            statementsHtml('configuration-yaml', 'Configuration', configuration),
          ]),
        ),
      ]),
    });
  };
}

const heading = template<object>('<h1>About this daemon</h1>\n');
