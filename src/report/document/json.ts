import { harmlessJson } from '../check/json.ts';
import { type ReportDocument, reportData } from './document.ts';

/** The report as data, as `schema/report.schema.json` describes it. */
export const reportJson = (report: ReportDocument): string => `${harmlessJson(reportData(report))}\n`;
