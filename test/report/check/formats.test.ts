import fc from 'fast-check';
import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { renderJson } from '../../../src/report/check/json.ts';
import { renderJunit } from '../../../src/report/check/junit.ts';
import { renderMarkdown } from '../../../src/report/check/markdown.ts';
import type { CheckResult } from '../../../src/report/check/result.ts';
import { renderSarif } from '../../../src/report/check/sarif.ts';
import { aFinding, anInconclusive } from '../../support/builders.ts';
import { aHostileFinding, dangerous, hostileName, hostileNames } from '../hostile.ts';
import { aCheckedTarget, aResult, busyNight, kinds, tool } from '../samples.ts';
import { textsIn, xmlProblem } from './xml.ts';

const hostileResult = (name: string): CheckResult =>
  aResult({
    findings: [
      aHostileFinding(name),
      aFinding({ ...aHostileFinding(name), id: 'ffff000000000000', state: 'muted' }),
    ],
    inconclusive: [anInconclusive({ reason: name, relations: [name] })],
    targets: [
      aCheckedTarget({
        missingPermissions: [{ permission: name, isOptional: false, facts: name, grant: name }],
      }),
      aCheckedTarget({ server: name, datname: name, isUp: false, error: name }),
    ],
  });

describe('JSON', () => {
  it('is the contract', async () => {
    await expect(renderJson(busyNight)).toMatchFileSnapshot('../../golden/report/check.json');
  });

  it('has its three keys and those of a finding in the order of the contract', () => {
    const document = JSON.parse(renderJson(busyNight));
    expect(Object.keys(document)).toEqual(['findings', 'inconclusive', 'targets']);
    const scrambled = Object.fromEntries(Object.entries(aFinding()).reverse());
    const again = JSON.parse(renderJson(aResult({ findings: [aFinding(scrambled)] })));
    expect(Object.keys(again.findings[0])).toEqual([
      ...[
        'id',
        'kind',
        'severity',
        'confidence',
        'state',
        'origin',
        'server',
        'datname',
        'schemaname',
        'relname',
      ],
      ...['indexrelname', 'columns', 'related', 'title', 'evidence', 'caveats', 'impact', 'fix'],
      ...['firstSeen', 'lastSeen', 'docs'],
    ]);
  });

  it('keeps every name as it is, and moves no cursor', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        const text = renderJson(hostileResult(name));
        expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
        expect(JSON.parse(text).findings[0].schemaname).toBe(name);
      }),
    );
  });
});

/** The parts of SARIF 2.1.0 that we write, with the standard's constraints on them. */
const text = z.strictObject({ text: z.string().min(1) });
const Sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.literal('indexwarden'),
          version: z.string(),
          informationUri: z.url(),
          rules: z.array(
            z.strictObject({
              id: z.string(),
              shortDescription: text,
              helpUri: z.url().optional(),
              help: text,
            }),
          ),
          notifications: z.array(z.strictObject({ id: z.string(), shortDescription: text })),
        }),
      }),
      invocations: z.tuple([
        z.strictObject({
          executionSuccessful: z.boolean(),
          toolExecutionNotifications: z.array(
            z.strictObject({
              descriptor: z.strictObject({ id: z.enum(['inconclusive', 'unreadable']) }),
              associatedRule: z.strictObject({ id: z.string() }).optional(),
              level: z.enum(['none', 'note', 'warning', 'error']),
              message: text,
            }),
          ),
        }),
      ]),
      columnKind: z.literal('utf16CodeUnits'),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0).optional(),
          level: z.enum(['none', 'note', 'warning', 'error']),
          message: text,
          locations: z.tuple([
            z.strictObject({
              physicalLocation: z.strictObject({
                artifactLocation: z.strictObject({ uri: z.string().regex(/^[\w\-.~!*'()%/]*$/) }),
                region: z.strictObject({ startLine: z.int().min(1) }),
              }),
              logicalLocations: z.tuple([
                z.strictObject({
                  name: z.string(),
                  fullyQualifiedName: z.string(),
                  kind: z.enum(['index', 'table']),
                }),
              ]),
            }),
          ]),
          partialFingerprints: z.strictObject({
            'indexwardenFindingId/v1': z.string().regex(/^[0-9a-f]{16}$/),
          }),
          suppressions: z
            .array(
              z.strictObject({
                kind: z.enum(['inSource', 'external']),
                status: z.enum(['accepted', 'underReview', 'rejected']),
                justification: z.string(),
              }),
            )
            .optional(),
          properties: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  ]),
});

describe('SARIF', () => {
  it('is what code scanning reads', async () => {
    await expect(renderSarif(busyNight, tool)).toMatchFileSnapshot('../../golden/report/check.sarif');
  });

  it('has the standard’s structure, one rule per kind, and results that point at them', () => {
    for (const result of [busyNight, aResult(), ...hostileNames.map(hostileResult)]) {
      const [run] = Sarif.parse(JSON.parse(renderSarif(result, tool))).runs;
      expect(run.tool.driver.rules.map((rule) => rule.id)).toEqual(kinds.map((kind) => kind.id));
      for (const one of run.results) expect(run.tool.driver.rules[one.ruleIndex!]?.id).toBe(one.ruleId);
    }
  });

  it('maps severities to levels and unknowns to notifications', () => {
    const [run] = Sarif.parse(JSON.parse(renderSarif(busyNight, tool))).runs;
    const levelOf = (id: string) =>
      run.results.find((one) => one.partialFingerprints['indexwardenFindingId/v1'] === id)?.level;
    expect(levelOf('1a2b3c4d5e6f7081')).toBe('error');
    expect(levelOf('aa02030405060708')).toBe('warning');
    expect(levelOf('dd02030405060708')).toBe('note');
    const [invocation] = run.invocations;
    expect(invocation.executionSuccessful).toBe(false);
    expect(invocation.toolExecutionNotifications.map((one) => one.descriptor.id)).toEqual([
      'unreadable',
      'inconclusive',
      'inconclusive',
      'inconclusive',
    ]);
  });
});

describe('JUnit', () => {
  it('is what CI systems read', async () => {
    await expect(renderJunit(busyNight, 'warning')).toMatchFileSnapshot(
      '../../golden/report/check.junit.xml',
    );
  });

  it('is well-formed XML 1.0 whatever things are called', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        const xml = renderJunit(hostileResult(name), 'info');
        expect(xmlProblem(xml)).toBeUndefined();
        for (const value of textsIn(xml)) expect(value).not.toMatch(dangerous);
      }),
    );
  });

  it('fails the cases of findings from the asked severity on', () => {
    const failures = (failOn: 'info' | 'warning' | 'critical' | 'never') =>
      renderJunit(busyNight, failOn).match(/<failure /g)?.length ?? 0;
    expect([failures('info'), failures('warning'), failures('critical'), failures('never')]).toEqual([
      5, 4, 1, 0,
    ]);
  });

  it('passes no kind on a target that could not be read', () => {
    const xml = renderJunit(
      aResult({ targets: [aCheckedTarget({ isUp: false, error: 'refused' })] }),
      'warning',
    );
    expect(xml).toContain('errors="1"');
    expect(xml).toContain(`skipped="${kinds.length}"`);
  });
});

describe('Markdown', () => {
  it('reads well on a pull request', async () => {
    await expect(renderMarkdown(busyNight)).toMatchFileSnapshot('../../golden/report/check.md');
  });

  it('makes no markup of names: no links, images, HTML, code, emphasis or extra cells', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        const markdown = renderMarkdown(hostileResult(name));
        expect(markdown).not.toMatch(dangerous);
        const tokens = new MarkdownIt({ html: true, linkify: true }).parse(markdown, {});
        const inline = tokens.flatMap((token) => token.children ?? []);
        const html = [...tokens, ...inline].filter((token) => token.type.startsWith('html_'));
        for (const token of html) expect(token.content).toBe('<!-- -->');
        // What emphasis and code there is are our own words.
        const marks = inline.filter((token) => /^(?:em_|s_|image)/.test(token.type));
        expect(marks).toEqual([]);
        for (const code of inline.filter((token) => token.type === 'code_inline')) {
          expect(code.content).toBe('--format json');
        }
        const links = inline.filter((token) => token.type === 'link_open');
        for (const link of links) expect(link.attrGet('href')).toMatch(/^https:\/\/docs\.example\//);
        const headings = tokens.filter((token) => token.type === 'heading_open' && token.tag !== 'h3');
        expect(headings).toHaveLength(5);
        const cells = tokens.filter((token) => token.type === 'td_open').length;
        expect(cells).toBe(5 + 3 + 3);
      }),
    );
  });

  it('fences SQL with more backticks than it holds', () => {
    const sql = 'DROP INDEX "a````b";\n```\n# not a heading';
    const finding = aFinding({ fix: { ...aFinding().fix, sql, rollbackSql: null } });
    const tokens = new MarkdownIt().parse(renderMarkdown(aResult({ findings: [finding] })), {});
    expect(tokens.filter((token) => token.type === 'fence').map((token) => token.content)).toEqual([
      `${sql}\n`,
    ]);
  });
});
