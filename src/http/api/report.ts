import type { RequestHandler } from 'express';
import { parseDuration } from '../../config/durations.ts';
import { assertNever } from '../../model/result.ts';
import { dayMs } from '../../model/units.ts';
import type { ReportDocument } from '../../report/document/document.ts';
import { reportHtml, reportPolicy } from '../../report/document/html.ts';
import { reportJson } from '../../report/document/json.ts';
import { reportMarkdown } from '../../report/document/markdown.ts';
import type { Knowledge } from '../knowledge.ts';
import { badRequest, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { createParameterReader } from './asked.ts';
import { nameAnswer } from './file-names.ts';
import type { Parameter } from './operations.ts';
import { notNow } from './relations.ts';

export const reportFormats = ['markdown', 'html', 'json'] as const;
type ReportFormat = (typeof reportFormats)[number];

/** How far back a report looks where nobody says. */
export const usualWindow = '30d';
/** As long as anything is kept. */
const windowDaysMax = 4_000;

/** A time to look back by: `30d`; undefined where it is none. */
export function windowMsOf(text: string): number | undefined {
  const ms = parseDuration(text)?.ms;
  return ms === undefined || ms <= 0 || ms > windowDaysMax * dayMs ? undefined : ms;
}

const formats: Readonly<Record<ReportFormat, { readonly type: string; readonly ending: string }>> = {
  markdown: { type: 'text/markdown', ending: 'md' },
  html: { type: 'text/html', ending: 'html' },
  json: { type: 'application/json', ending: 'json' },
};

/** `GET /report`: everything, as `indexwarden report` prints it, from the newest generations and what is kept. */
export function serveReport(
  { report }: Pick<Knowledge, 'report'>,
  parameters: readonly Parameter[],
): RequestHandler {
  const read = createParameterReader(parameters);
  return async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const windowMs = windowMsOf(asked.value.text('since') ?? usualWindow);
    if (windowMs === undefined)
      return sendProblem(response, badRequest('since must be a time to look back, such as 30d'));
    const made = await report(windowMs);
    if (!made.ok) return sendProblem(response, notNow(made.error));
    const format = reportFormats.find((word) => word === asked.value.text('format')) ?? 'markdown';
    const { type, ending } = formats[format];
    const day = made.value.generatedAt.slice(0, 10);
    nameAnswer(response, ['index-report', day], ending, asked.value.text('download') === 'true');
    // It brings its own looks, which the policy of our pages would not let it have.
    if (format === 'html') response.set('Content-Security-Policy', `${reportPolicy}; frame-ancestors 'none'`);
    response.set('Cache-Control', 'no-cache').type(type).send(rendered(made.value, format));
  };
}

function rendered(document: ReportDocument, format: ReportFormat): string {
  switch (format) {
    case 'markdown':
      return reportMarkdown(document);
    case 'html':
      return reportHtml(document);
    case 'json':
      return reportJson(document);
    default:
      return assertNever(format);
  }
}
