import { z } from 'zod';
import { targetKey } from '../../model/ids.ts';
import { paragraph } from './blocks.ts';
import { isoOf } from './facts.ts';
import { back, front, ofDatabase } from './outline.ts';
import type { ReportInput, Section, WrittenSection } from './section.ts';

/** The sections of one database. */
export interface DatabaseChapter {
  readonly server: string;
  readonly datname: string;
  /** Null where it was read, at least in part. */
  readonly unread: string | null;
  readonly sections: readonly WrittenSection[];
}

/** A whole report, before it is put into words of one format. */
export interface ReportDocument {
  readonly toolVersion: string;
  /** ISO 8601, UTC. */
  readonly generatedAt: string;
  /** The beginning of what `--since` looks at. */
  readonly since: string;
  readonly front: readonly WrittenSection[];
  readonly databases: readonly DatabaseChapter[];
  readonly back: readonly WrittenSection[];
}

/** Builds the report from what was published for each database. Pure. */
export function buildReport(input: ReportInput): ReportDocument {
  const steps = reportSteps(input);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same in steps of one section each, for whoever has other things to do in between. */
export function* reportSteps(input: ReportInput): Generator<void, ReportDocument> {
  const frontSections: WrittenSection[] = [];
  for (const section of front) {
    frontSections.push(section.write(input));
    yield;
  }
  const databases: DatabaseChapter[] = [];
  for (const generation of input.generations) {
    const sections: WrittenSection[] = [];
    for (const section of ofDatabase) {
      const written = section.write({ report: input, generation });
      // What cannot be known is not told as if it were nothing.
      sections.push(generation.isUp ? written : { ...written, blocks: [paragraph('Not known.')] });
      yield;
    }
    databases.push({
      ...generation.target,
      unread: generation.isUp ? null : (generation.error ?? 'it could not be reached'),
      sections,
    });
  }
  return {
    toolVersion: input.toolVersion,
    generatedAt: new Date(input.nowMs).toISOString(),
    since: isoOf(input.nowMs - input.windowMs) ?? '',
    front: frontSections,
    databases,
    back: back.map((section) => section.write(input)),
  };
}

export const titleOf = ({ databases }: ReportDocument): string =>
  databases.length === 1 && databases[0] !== undefined
    ? `Index report: ${targetKey(databases[0])}`
    : `Index report: ${databases.length} databases`;

/** Grows when a program that read the JSON before would misunderstand it now. */
const formatVersion = 1;

const factsOf = (sections: readonly WrittenSection[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(sections.map(({ id, facts }) => [id, facts]));

/** The report as data: the facts of its sections by their ids. */
export const reportData = (report: ReportDocument): object => ({
  reportVersion: formatVersion,
  toolVersion: report.toolVersion,
  generatedAt: report.generatedAt,
  since: report.since,
  ...factsOf(report.front),
  databases: report.databases.map(({ server, datname, unread, sections }) => ({
    server,
    datname,
    unread,
    ...factsOf(sections),
  })),
  ...factsOf(report.back),
});

const shapeOf = (sections: readonly Section<never>[]): Readonly<Record<string, z.ZodType>> =>
  Object.fromEntries(sections.map(({ id, title, schema }) => [id, schema.meta({ title })]));

/** What `reportData` yields. */
export const reportSchema = z.strictObject({
  reportVersion: z.literal(formatVersion),
  toolVersion: z.string(),
  generatedAt: z.string(),
  since: z.string().meta({ description: 'Beginning of the window that --since names.' }),
  ...shapeOf(front),
  databases: z.array(
    z.strictObject({
      server: z.string(),
      datname: z.string(),
      unread: z
        .string()
        .nullable()
        .meta({ description: 'Why nothing of it could be read; null where something was.' }),
      ...shapeOf(ofDatabase),
    }),
  ),
  ...shapeOf(back),
});

/** JSON Schema of the report, for editors and for programs that read it. */
export const reportJsonSchema = (): object => ({
  ...z.toJSONSchema(reportSchema, { target: 'draft-2020-12' }),
  title: 'indexwarden report',
  description: 'What `indexwarden report --format json` prints.',
});
